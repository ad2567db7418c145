// `forward` and `grad` with pictures, as tensors and as files.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "cli/program_runner.h"
#include "tessera/core/json.h"
#include "tessera/core/mapped_file.h"
#include "tessera/weights/safetensors.h"

namespace tessera::cli {
namespace {

using testing::HasSubstr;
using weights::SafetensorsFile;

std::string Model(const std::string& name) { return std::string(TESSERA_TEST_DATA) + "/" + name; }

std::string Scratch(const std::string& name) {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  std::string path = fmt::format("{}{}{}", test->name(), getpid(), name);
  std::ranges::replace(path, '/', '_');  // of parameters
  return testing::TempDir() + path;
}

float MaxDifference(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  float greatest = a.shape() == b.shape() ? 0 : INFINITY;
  for (size_t i = 0; i < a.data<float>().size() && greatest < INFINITY; ++i)
    greatest = std::max(greatest, std::abs(a.data<float>()[i] - b.data<float>()[i]));
  return greatest;
}

std::string PromptOf(const std::string& model, const std::string& prompt) {
  return ParseJson(ReadFile(Model(model) + "/case.json", 1 << 20), "case.json")["prompts"][prompt]["text"];
}

class ForwardVision : public testing::TestWithParam<const char*> {};

TEST_P(ForwardVision, PatchesAndGridsGiveTheGoldensTensors) {
  const std::string model = Model(GetParam()), in = Scratch("in.safetensors"), out = Scratch("out.safetensors");
  const auto golden = SafetensorsFile::Open(model + "/golden.safetensors");
  weights::WriteSafetensors(in, {{"input_ids", golden.Get("p1.input_ids")},
                                 {"pixel_values", golden.Get("image_a.pixel_values")},
                                 {"image_grid_thw", golden.Get("image_a.grid_thw")}});
  const ProgramResult result = RunTessera({"forward", model, "-i", in, "-o", out});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto written = SafetensorsFile::Open(out);
  EXPECT_LE(MaxDifference(written.Get("logits"), golden.Get("p1.logits")), 1e-3f);
  for (const char* name : {"vision.patch_embed", "vision.block0", "vision.block2", "vision_embeds"})
    EXPECT_LE(MaxDifference(written.Get(name), golden.Get(std::string("image_a.") + name)), 5e-4f) << name;
}

TEST_P(ForwardVision, VideosComeWithTheirSeconds) {
  const std::string model = Model(GetParam()), in = Scratch("in.safetensors"), out = Scratch("out.safetensors");
  const auto golden = SafetensorsFile::Open(model + "/golden.safetensors");
  std::vector<std::pair<std::string, Tensor>> tensors = {{"input_ids", golden.Get("pv.input_ids")},
                                                         {"pixel_values_videos", golden.Get("video.pixel_values")},
                                                         {"video_grid_thw", golden.Get("video.grid_thw")}};
  if (golden.Has("pv.second_per_grid_ts"))
    tensors.emplace_back("second_per_grid_ts", golden.Get("pv.second_per_grid_ts"));
  weights::WriteSafetensors(in, tensors);
  const ProgramResult result = RunTessera({"forward", model, "-i", in, "-o", out});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_LE(MaxDifference(SafetensorsFile::Open(out).Get("logits"), golden.Get("pv.logits")), 1e-3f);
}

TEST_P(ForwardVision, GreedyAnswersContinueThePicturesToo) {
  const std::string model = Model(GetParam()), out = Scratch("out.safetensors");
  const auto golden = SafetensorsFile::Open(model + "/golden.safetensors");
  const ProgramResult result = RunTessera({"forward", model, "--prompt", PromptOf(GetParam(), "p1"), "--image",
                                           model + "/image_a.png", "-o", out, "--greedy", "32"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Tensor ids = SafetensorsFile::Open(out).Get("greedy.ids"), expected = golden.Get("p1.greedy_ids"),
               margin = golden.Get("p1.greedy_margin");
  for (size_t i = 0; i < 32 && margin.data<float>()[i] > 5e-3f; ++i)
    EXPECT_EQ(ids.data<int64_t>()[i], expected.data<int64_t>()[i]) << i;
}

TEST_P(ForwardVision, FilesAndAPromptGiveTheSame) {
  const std::string model = Model(GetParam()), out = Scratch("out.safetensors");
  const auto golden = SafetensorsFile::Open(model + "/golden.safetensors");
  const ProgramResult result = RunTessera({"forward", model, "--prompt", PromptOf(GetParam(), "p2"), "--image",
                                           model + "/image_a.png", "--image", model + "/image_b.png", "-o", out});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_LE(MaxDifference(SafetensorsFile::Open(out).Get("logits"), golden.Get("p2.logits")), 1e-3f);
}

INSTANTIATE_TEST_SUITE_P(Cases, ForwardVision, testing::Values("qwen2vl_fp32", "qwen25vl_bf16"),
                         [](const auto& test) { return std::string(test.param); });

TEST(GradVision, ThePicturesWeightsHaveGradientsToo) {
  const std::string model = Model("qwen2vl_fp32"), in = Scratch("in.safetensors"), out = Scratch("out.safetensors");
  const auto golden = SafetensorsFile::Open(model + "/golden.safetensors");
  weights::WriteSafetensors(in, {{"input_ids", golden.Get("train.input_ids")},
                                 {"labels", golden.Get("train.labels")},
                                 {"pixel_values", golden.Get("image_a.pixel_values")},
                                 {"image_grid_thw", golden.Get("image_a.grid_thw")}});
  const ProgramResult result = RunTessera({"grad", model, "-i", in, "-o", out});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const char* name = "grad.visual.patch_embed.proj.weight";
  const Tensor expected = golden.Get(name);
  const float scale = MaxDifference(expected, Tensor::Zeros(expected.shape()));
  EXPECT_LE(MaxDifference(SafetensorsFile::Open(out).Get(name), expected), 2e-3f * scale + 1e-6f);
}

TEST(ForwardVisionErrors, SayWhatIsWrongAndWriteNothing) {
  const std::string model = Model("qwen2vl_fp32"), out = Scratch("out.safetensors");
  const auto refused = [&](std::vector<std::string> arguments, int code, const char* what) {
    arguments.insert(arguments.end(), {"-o", out});
    const ProgramResult result = RunTessera(arguments);
    EXPECT_EQ(result.exit_code, code) << result.err;
    EXPECT_THAT(result.err, HasSubstr(what));
    EXPECT_FALSE(std::filesystem::exists(out));
  };
  const std::string picture = model + "/image_a.png";
  refused({"forward", model, "--prompt", "no place for it", "--image", picture}, 1, "1 images and 0 videos");
  refused({"forward", model, "--prompt", "<|image_pad|>"}, 1, "more placeholders for images than the 0 given");
  refused({"forward", model, "--prompt", "<|image_pad|>", "--image", model + "/config.json"}, 1, "no PNG");
  refused({"forward", model, "--prompt", "<|image_pad|>", "--image", "/nowhere.png"}, 1, "/nowhere.png");
  refused({"forward", Model("llama_smollm2_fp32"), "--prompt", "a", "--image", picture}, 1, "see no pictures");
  refused({"forward", model, "--image", picture}, 2, "--prompt");
  refused({"forward", model}, 1, "give --input FILE or --prompt TEXT");
}

// As transformers' processor gives them: whole pictures, and a placeholder for each token of a picture.
TEST(ForwardVision, ChameleonTakesWholePicturesAsTensors) {
  const std::string model = Model("chameleon_7b_style_fp32");
  const std::string in = Scratch("in.safetensors"), out = Scratch("out.safetensors");
  const auto golden = SafetensorsFile::Open(model + "/golden.safetensors");
  const Json config = ParseJson(ReadFile(model + "/config.json", 1 << 20), "config.json");
  const Json map = config["vocabulary_map"];
  Tensor open = golden.Get("p1.input_ids").Clone();
  bool within = false;
  for (int64_t& id : open.mutable_data<int64_t>()) {
    if (id == map["<eoss>"].get<int64_t>()) within = false;
    const bool begins = id == map["<racm3:break>"].get<int64_t>();
    if (within) id = config["image_token_id"];
    within = within || begins;
  }
  weights::WriteSafetensors(in, {{"input_ids", open}, {"pixel_values", golden.Get("image_a.vq_input")}});
  const ProgramResult result = RunTessera({"forward", model, "-i", in, "-o", out});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Tensor logits = SafetensorsFile::Open(out).Get("logits"), expected = golden.Get("p1.raw_logits");
  const Tensor places = golden.Get("p1.logit_positions");
  for (int64_t i = 0; i < places.numel(); ++i) {
    const int64_t place = places.data<int64_t>()[static_cast<size_t>(i)];
    EXPECT_LE(MaxDifference(logits.Slice(1, place, place + 1).Contiguous(), expected.Slice(1, i, i + 1).Contiguous()),
              1e-3f);
  }
}

}  // namespace
}  // namespace tessera::cli
