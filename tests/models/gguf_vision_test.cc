// Models that see pictures from GGUF: with the vision part in the same file, or in a second one beside it.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "models/golden.h"
#include "tessera/core/json.h"
#include "tessera/core/mapped_file.h"
#include "tessera/image/decode.h"
#include "tessera/models/padded_batch.h"
#include "tessera/models/vision_tensors.h"
#include "tessera/text/export_vocabulary.h"
#include "tessera/weights/gguf_writer.h"
#include "tessera/weights/quantize_model.h"
#include "weights/temporary_folder.h"

namespace tessera::models {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;
using weights::Checkpoint;

void WriteGguf(const Golden& golden, const std::filesystem::path& path, const char* recipe) {
  const auto add_vocabulary = [](const Checkpoint& checkpoint, weights::GgufWriter& writer) {
    const int64_t rows = checkpoint.config().contains("text_config")
                             ? checkpoint.config()["text_config"]["vocab_size"].get<int64_t>()
                             : checkpoint.config()["vocab_size"].get<int64_t>();
    text::WriteGgufVocabulary(text::ExportVocabulary(checkpoint.directory()), rows, writer);
  };
  weights::QuantizeModel(golden.checkpoint.path(), path,
                         {.recipe = weights::RecipeFromName(recipe), .add_vocabulary = add_vocabulary});
}

bool IsVision(std::string_view name) { return name.starts_with("v.") || name.starts_with("mm."); }

// The names that older converters gave the two layers of an MLP.
std::string Swapped(const std::string& name) {
  for (const auto& [from, to] : {std::pair("ffn_up", "ffn_down"), std::pair("ffn_down", "ffn_up")})
    if (const size_t at = name.find(from); at != std::string::npos)
      return std::string(name).replace(at, std::string_view(from).size(), to);
  return name;
}

enum class Naming { kToday, kSwapped };

// The two files that converters of llama.cpp write instead of one: the second has no key of ours.
void Part(const std::filesystem::path& whole, const std::filesystem::path& text, const std::filesystem::path& vision,
          Naming naming) {
  const auto file = weights::GgufFile::Open(whole);
  for (const bool seeing : {false, true}) {
    weights::GgufWriter writer(seeing ? vision : text);
    if (seeing) writer.Set("general.architecture", std::string("clip"));
    for (const auto& [key, value] : file.metadata()) {
      const bool clip = key.starts_with("clip."), ours = key.starts_with("tessera.");
      if (clip == seeing && !ours && !(seeing && key == "general.architecture")) writer.Set(key, value);
    }
    std::vector<Tensor> values;
    for (const weights::TensorInfo& info : file.tensors()) {
      if (IsVision(info.name) != seeing) continue;
      const bool swap = naming == Naming::kSwapped && seeing && info.name.starts_with("v.blk.");
      writer.Declare(swap ? Swapped(info.name) : info.name, info.shape, info.dtype);
      values.push_back(file.Get(info.name));
    }
    for (const Tensor& value : values) writer.Write(value);
    writer.Finish();
  }
}

class GgufVision : public testing::TestWithParam<const char*> {
 protected:
  const Golden golden{GetParam()};
  const TemporaryFolder folder;
  const std::string grid = golden.expected.Has("image_a.grid_hw") ? ".grid_hw" : ".grid_thw";

  std::vector<VisionInput> Inputs(const VisionEncoder& encoder) const {
    return SplitVision({.pixel_values = golden["image_a.pixel_values"], .image_grid_thw = golden["image_a" + grid]},
                       encoder);
  }

  Tensor Logits(const Checkpoint& checkpoint) const {
    const auto model = LoadModel(checkpoint, {.precision = ops::LinearPrecision::kExact});
    EXPECT_EQ(model->summary().family, golden.checkpoint.config()["model_type"]);
    const auto results = RunForward(*model, {.input_ids = golden["p1.input_ids"], .vision = Inputs(*model->vision())});
    return std::ranges::find(results, "logits", &NamedTensors::value_type::first)->second;
  }

  void ExpectGoldenLogits(const Checkpoint& checkpoint) const {
    EXPECT_LE(MaxDifference(Logits(checkpoint), golden["p1.logits"]), 1e-3f);
  }
};

TEST_P(GgufVision, OneFileHoldsTheVisionPartToo) {
  WriteGguf(golden, folder / "model.gguf", "f32");
  const Checkpoint checkpoint = Checkpoint::Open(folder / "model.gguf");
  ExpectGoldenLogits(checkpoint);
  for (const weights::TensorInfo& info : golden.checkpoint.tensors())
    EXPECT_TRUE(checkpoint.Has(info.name) || info.name.find("kv_b_proj") != std::string::npos) << info.name;
}

TEST_P(GgufVision, PicturesArePreparedAsTheCheckpointDoes) {
  WriteGguf(golden, folder / "model.gguf", "f32");
  const auto processor = LoadVisionProcessor(Checkpoint::Open(folder / "model.gguf"));
  for (const std::string picture : {"image_a", "image_b"}) {
    const VisionInput input =
        processor->Prepare(image::ReadImage(Golden::Folder(golden.name) + "/" + picture + ".png"));
    const Tensor expected = golden[picture + ".pixel_values"];
    EXPECT_LE(MaxDifference(input.patches, expected.Reshape(input.patches.shape())), 1e-5f) << picture;
  }
  EXPECT_EQ(processor->Placeholder(VisionKind::kImage),
            LoadVisionProcessor(golden.checkpoint)->Placeholder(VisionKind::kImage));
}

TEST_P(GgufVision, BlocksKeepTheTowerInEightBits) {
  WriteGguf(golden, folder / "q8_0.gguf", "q8_0");
  WriteGguf(golden, folder / "q4_0.gguf", "q4_0");
  const Tensor eight = Logits(Checkpoint::Open(folder / "q8_0.gguf"));
  EXPECT_LT(RelativeError(eight, golden["p1.logits"]), 0.2);
  const Checkpoint four = Checkpoint::Open(folder / "q4_0.gguf");
  int blocks = 0;
  for (const weights::TensorInfo& info : four.tensors()) {
    const bool vision = info.name.starts_with("vis") || info.name.starts_with("multi");
    blocks += vision && info.dtype == DType::kQ8_0;
    EXPECT_FALSE(vision && info.dtype == DType::kQ4_0) << info.name;
  }
  EXPECT_GT(blocks, 5);
  EXPECT_NE(MaxDifference(Logits(four), golden["p1.logits"]), INFINITY);
}

TEST_P(GgufVision, AFileBesideTheModelIsFoundAndOneFarAwayCanBeNamed) {
  WriteGguf(golden, folder / "whole.gguf", "f32");
  std::filesystem::create_directories(folder / "beside");
  const auto text = folder / "beside" / "model.gguf", vision = folder / "beside" / "mmproj-model-f32.gguf";
  Part(folder / "whole.gguf", text, vision, Naming::kToday);
  ExpectGoldenLogits(Checkpoint::Open(text));
  ExpectGoldenLogits(Checkpoint::Open(folder / "beside"));
  std::filesystem::rename(vision, folder / "eyes.gguf");
  EXPECT_EQ(LoadModel(Checkpoint::Open(text))->vision(), nullptr) << "a language model by itself";
  ExpectGoldenLogits(Checkpoint::Open(text, folder / "eyes.gguf"));
}

TEST_P(GgufVision, OlderNamesOfTheTwoLayersAreKnownByTheirShapes) {
  if (golden.checkpoint.config()["model_type"] == "qwen2_5_vl") return;  // three layers, never swapped
  WriteGguf(golden, folder / "whole.gguf", "f32");
  Part(folder / "whole.gguf", folder / "text.gguf", folder / "eyes.gguf", Naming::kSwapped);
  ExpectGoldenLogits(Checkpoint::Open(folder / "text.gguf", folder / "eyes.gguf"));
}

TEST_P(GgufVision, TheVisionFileOfAnotherModelIsRefusedByNameAndPassedOverBeside) {
  const std::string other = golden.name == "kimi_vl_fp32" ? "qwen2vl_fp32" : "kimi_vl_fp32";
  WriteGguf(golden, folder / "whole.gguf", "f32");
  WriteGguf(Golden(other), folder / "other.gguf", "f32");
  Part(folder / "whole.gguf", folder / "text.gguf", folder / "eyes.gguf", Naming::kToday);
  Part(folder / "other.gguf", folder / "other_text.gguf", folder / "mmproj-other.gguf", Naming::kToday);
  EXPECT_EQ(LoadModel(Checkpoint::Open(folder / "text.gguf"))->vision(), nullptr);
  EXPECT_THAT([&] { Checkpoint::Open(folder / "text.gguf", folder / "mmproj-other.gguf"); },
              ThrowsMessage<Error>(HasSubstr("which the language model in")));
  EXPECT_THAT([&] { Checkpoint::Open(folder / "text.gguf", folder / "other_text.gguf"); },
              ThrowsMessage<Error>(HasSubstr("clip.projector_type")));
  EXPECT_THAT([&] { Checkpoint::Open(golden.checkpoint.path(), folder / "eyes.gguf"); },
              ThrowsMessage<Error>(HasSubstr("belongs to a GGUF model")));
}

INSTANTIATE_TEST_SUITE_P(Cases, GgufVision, testing::Values("qwen2vl_fp32", "qwen25vl_bf16", "kimi_vl_fp32"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace tessera::models
