// Chameleon in one GGUF file that holds its image tokenizer too, and Anole's directories.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "models/golden.h"
#include "tessera/core/json.h"
#include "tessera/core/mapped_file.h"
#include "tessera/image/decode.h"
#include "tessera/models/padded_batch.h"
#include "tessera/models/picture_tokens.h"
#include "tessera/models/place_vision.h"
#include "tessera/models/vision_tensors.h"
#include "tessera/text/export_vocabulary.h"
#include "tessera/text/tokenizer.h"
#include "tessera/weights/gguf.h"
#include "tessera/weights/quantize_model.h"
#include "weights/temporary_folder.h"

namespace tessera::models {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr float kLogits = 1e-3f;  // as the cases state it

Tensor Logits(const LanguageModel& model, const Tensor& ids) {
  for (const auto& [name, tensor] : RunForward(model, {.input_ids = ids}))
    if (name == "logits") return tensor;
  return {};
}

fs::path Written(const fs::path& from, const fs::path& to, const char* recipe) {
  const auto add_vocabulary = [](const weights::Checkpoint& checkpoint, weights::GgufWriter& writer) {
    text::WriteGgufVocabulary(text::ExportVocabulary(checkpoint.directory()), checkpoint.config()["vocab_size"],
                              writer);
  };
  weights::QuantizeModel(from, to, {.recipe = weights::RecipeFromName(recipe), .add_vocabulary = add_vocabulary});
  return to;
}

class GgufChameleon : public testing::TestWithParam<const char*> {};

TEST_P(GgufChameleon, OneFileComputesReadsAndDrawsWhatTheDirectoryDoes) {
  const Golden golden(GetParam());
  const TemporaryFolder folder;
  const auto file = weights::Checkpoint::Open(Written(golden.checkpoint.path(), folder / "one.gguf", "f32"));
  const auto whole = golden.Load(), alone = LoadModel(file, {.precision = ops::LinearPrecision::kExact});
  EXPECT_LE(MaxDifference(Logits(*alone, golden["text.input_ids"]), golden["text.raw_logits"]), kLogits);
  const PictureVocabulary &v = alone->picture_tokens()->vocabulary(), &expected = whole->picture_tokens()->vocabulary();
  EXPECT_EQ(v.image, expected.image);
  EXPECT_EQ(v.text, expected.text);
  EXPECT_EQ((std::array{v.bos, v.eos, v.begin, v.end}),
            (std::array{expected.bos, expected.eos, expected.begin, expected.end}));
  EXPECT_EQ(alone->vision()->Placeholder(VisionKind::kImage), whole->vision()->Placeholder(VisionKind::kImage));
  const Tensor picture = image::ReadImage(Golden::Folder(golden.name) + "/image_a.png");
  EXPECT_EQ(alone->vision()->Expansion(alone->vision()->Prepare(picture)),
            whole->vision()->Expansion(whole->vision()->Prepare(picture)));
  ASSERT_TRUE(alone->picture_tokens()->can_draw());
  std::vector<int32_t> ids(v.image.begin(), v.image.begin() + 100);
  const Tensor drawn = alone->picture_tokens()->Draw(ids), before = whole->picture_tokens()->Draw(ids);
  EXPECT_TRUE(std::ranges::equal(drawn.data<uint8_t>(), before.data<uint8_t>()));
  const auto tokenizer = text::Tokenizer::Load(file.path());
  const auto original = text::Tokenizer::Load(golden.checkpoint.path());
  for (const char* text : {"Draw a fox: 12 of <image>them!", "<s>IMGIMGBAZ<racm3:break>  \n"})
    EXPECT_EQ(tokenizer->Encode(text), original->Encode(text)) << text;
}

TEST_P(GgufChameleon, BlockFormatsLeaveTheImageTokenizerAsItIs) {
  const Golden golden(GetParam());
  const TemporaryFolder folder;
  const auto first = Written(golden.checkpoint.path(), folder / "one.gguf", "q8_0");
  const auto again = Written(first, folder / "again.gguf", "q4_0");
  for (const fs::path& path : {first, again}) {
    const auto file = weights::GgufFile::Open(path);
    for (const weights::TensorInfo& info : file.tensors()) {
      if (info.name.starts_with("vq.")) {
        EXPECT_FALSE(IsQuantized(info.dtype)) << info.name;
      }
    }
    const auto model = LoadModel(weights::Checkpoint::Open(path), {});
    EXPECT_TRUE(model->picture_tokens()->can_draw());
    const Tensor logits = Logits(*model, golden["text.input_ids"]);
    EXPECT_LE(RelativeError(logits, golden["text.raw_logits"]), path == first ? 0.06 : 0.5);
  }
}

// transformers' processor gives whole pictures, and ids with a placeholder for each of a picture's tokens.
TEST_P(GgufChameleon, PicturesAsTransformersPreparesThemFillTheirPlaceholders) {
  const Golden golden(GetParam());
  const auto model = golden.Load();
  const VisionEncoder& eyes = *model->vision();
  const auto inputs = SplitVision({.pixel_values = golden["image_a.hf_pixel_values"]}, eyes);
  ASSERT_EQ(inputs.size(), 1u);
  const PictureVocabulary& v = model->picture_tokens()->vocabulary();
  const Tensor expected = golden["image_a.hf_vq_indices"];
  std::vector<int64_t> prompt{v.bos, v.begin}, filled = prompt;
  prompt.resize(prompt.size() + 1024, eyes.Placeholder(VisionKind::kImage));
  for (const int64_t code : expected.data<int64_t>()) filled.push_back(v.image[static_cast<size_t>(code)]);
  prompt.push_back(v.end), filled.push_back(v.end);
  EXPECT_EQ(FillPlaceholders(prompt, inputs, eyes), filled);
  prompt.erase(prompt.begin() + 5);
  EXPECT_THAT([&] { FillPlaceholders(prompt, inputs, eyes); },
              ThrowsMessage<Error>(HasSubstr("picture 0 has 1024 tokens, but 1023 placeholders")));
  EXPECT_THAT([&] { FillPlaceholders(std::vector<int64_t>{1}, inputs, eyes); },
              ThrowsMessage<Error>(HasSubstr("1 images")));
  const int64_t S = golden["image_a.hf_pixel_values"].dim(2);
  for (const Shape& shape : {Shape{1, 3, S, S + 1}, Shape{1, 4, S, S}, Shape{0, 3, S, S}, Shape{1, 3, S / 2, S / 2},
                             Shape{3, S, S}, Shape{1, 3, 0, 0}})
    EXPECT_THAT([&] { SplitVision({.pixel_values = Tensor::Zeros(shape)}, eyes); },
                ThrowsMessage<Error>(HasSubstr("pixel_values")))
        << ToString(shape);
}

INSTANTIATE_TEST_SUITE_P(Cases, GgufChameleon, testing::Values("chameleon_7b_style_fp32", "chameleon_34b_style_bf16"),
                         [](const auto& test) { return std::string(test.param); });

// What is published of Anole: its own model_type or Chameleon's, the release's names beside those of transformers in
// "vq_config", <pad> as bos_token_id, and the whole image tokenizer among the weights, with what its training left.
TEST(Anole, ItsDirectoryIsAChameleonThatDraws) {
  const Golden golden("chameleon_7b_style_fp32");
  const TemporaryFolder folder;
  Json config = ParseJson(ReadFile(fs::path(Golden::Folder(golden.name)) / "config.json", 1 << 20), "config.json");
  config["model_type"] = "anole";
  config["architectures"] = {"AnoleForConditionalGeneration"};
  config["bos_token_id"] = 1;
  config["boi_token_id"] = config["vocabulary_map"]["<racm3:break>"];
  config["eoi_token_id"] = config["vocabulary_map"]["<eoss>"];
  config["rope_theta"] = config["rope_parameters"]["rope_theta"];
  config.erase("rope_parameters");
  Json& vq = config["vq_config"];
  vq.update({{"out_channels", 3},
             {"ch", 32},
             {"out_ch", 3},
             {"n_embed", 256},
             {"ch_mult", {1, 1, 1}},
             {"double_z", false},
             {"z_channels", 32},
             {"attn_resolutions", Json::array()},
             {"monitor", "val/rec_loss"}});
  std::ofstream(folder / "config.json") << config;
  fs::copy(fs::path(Golden::Folder(golden.name)) / "tokenizer.json", folder / "tokenizer.json");
  std::vector<std::pair<std::string, Tensor>> tensors{
      {"model.vqmodel.loss.perceptual_loss.lin0.model.1.weight", Tensor::Zeros({1, 64, 1, 1})}};
  for (const auto& info : golden.checkpoint.tensors())
    if (!info.name.starts_with("model.vqmodel.")) tensors.emplace_back(info.name, golden.checkpoint.Get(info.name));
  const auto vqgan = weights::SafetensorsFile::Open(Golden::Folder(golden.name) + "/tokenizer/vqgan.safetensors");
  for (const auto& info : vqgan.tensors()) tensors.emplace_back("model.vqmodel." + info.name, vqgan.Get(info.name));
  weights::WriteSafetensors(folder / "model.safetensors", tensors);

  const auto expected = golden.Load();
  const std::vector<int32_t>& image = expected->picture_tokens()->vocabulary().image;
  const std::vector<int32_t> ids(image.begin(), image.begin() + 50);
  const Tensor drawn = expected->picture_tokens()->Draw(ids);
  for (const fs::path& path : {folder.path(), Written(folder.path(), folder / "anole.gguf", "f32")}) {
    const auto model = LoadModel(weights::Checkpoint::Open(path), {.precision = ops::LinearPrecision::kExact});
    EXPECT_LE(MaxDifference(Logits(*model, golden["text.input_ids"]), golden["text.raw_logits"]), kLogits);
    EXPECT_EQ(model->picture_tokens()->vocabulary().bos, expected->picture_tokens()->vocabulary().bos);
    ASSERT_TRUE(model->picture_tokens()->can_draw());
    const Tensor own = model->picture_tokens()->Draw(ids);
    EXPECT_TRUE(std::ranges::equal(own.data<uint8_t>(), drawn.data<uint8_t>()));
  }
}

}  // namespace
}  // namespace tessera::models
