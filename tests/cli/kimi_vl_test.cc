// Kimi-VL through the built program: forward, grad, run, inspect and the conversation.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "cli/program_runner.h"
#include "cli/terminal_session.h"
#include "tessera/core/json.h"
#include "tessera/core/mapped_file.h"
#include "tessera/image/decode.h"
#include "tessera/weights/safetensors.h"
#include "weights/temporary_folder.h"

namespace tessera::cli {
namespace {

using testing::HasSubstr;
using weights::SafetensorsFile;

const std::string kModel = TESSERA_TEST_DATA "/kimi_vl_fp32";
const std::string kPicture = kModel + "/image_a.png", kOther = kModel + "/image_b.png";

float MaxDifference(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  float greatest = a.shape() == b.shape() ? 0 : INFINITY;
  for (size_t i = 0; i < a.data<float>().size() && greatest < INFINITY; ++i)
    greatest = std::max(greatest, std::abs(a.data<float>()[i] - b.data<float>()[i]));
  return greatest;
}

struct KimiVlPass : testing::Test {
  const TemporaryFolder folder;
  const std::string in = (folder / "in.safetensors").string(), out = (folder / "out.safetensors").string();
  const SafetensorsFile golden = SafetensorsFile::Open(kModel + "/golden.safetensors");

  SafetensorsFile Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"-o", out});
    const ProgramResult result = RunTessera(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return SafetensorsFile::Open(out);
  }

  std::string PromptOf(const std::string& prompt) const {
    return ParseJson(ReadFile(kModel + "/case.json", 1 << 20), "case.json")["prompts"][prompt]["text"];
  }
};

TEST_F(KimiVlPass, PatchesAndGridsGiveTheGoldensTensors) {
  weights::WriteSafetensors(in, {{"input_ids", golden.Get("p1.input_ids")},
                                 {"pixel_values", golden.Get("image_a.pixel_values")},
                                 {"image_grid_hws", golden.Get("image_a.grid_hw")}});
  const SafetensorsFile written = Run({"forward", kModel, "-i", in});
  EXPECT_LE(MaxDifference(written.Get("logits"), golden.Get("p1.logits")), 1e-3f);
  EXPECT_LE(MaxDifference(written.Get("vision.pos_emb"), golden.Get("image_a.pos_emb")), 5e-4f);
  for (const char* name : {"vision.patch_embed", "vision.block0", "vision.block1", "vision.merged"})
    EXPECT_LE(MaxDifference(written.Get(name), golden.Get(std::string("image_a.") + name)), 5e-4f) << name;
  EXPECT_LE(MaxDifference(written.Get("vision_embeds"), golden.Get("image_a.embeds")), 5e-4f);
}

TEST_F(KimiVlPass, FilesAndAPromptGiveTheSame) {
  const SafetensorsFile written = Run({"forward", kModel, "--prompt", PromptOf("p3"), "--image",
                                       kModel + "/image_c.png", "--image", kPicture, "--image", kOther});
  EXPECT_LE(MaxDifference(written.Get("logits"), golden.Get("p3.logits")), 1e-3f);
}

TEST_F(KimiVlPass, GreedyAnswersContinuePicturesAndText) {
  for (const std::string prompt : {"p1", "text"}) {
    const Tensor expected = golden.Get(prompt + ".greedy_ids"), margin = golden.Get(prompt + ".greedy_margin");
    std::vector<std::string> arguments = {"forward",        kModel,     "--prompt",
                                          PromptOf(prompt), "--greedy", std::to_string(expected.numel())};
    if (prompt == "p1") arguments.insert(arguments.end(), {"--image", kPicture});
    const Tensor ids = Run(arguments).Get("greedy.ids");
    for (size_t i = 0; i < margin.data<float>().size() && margin.data<float>()[i] > 5e-3f; ++i)
      EXPECT_EQ(ids.data<int64_t>()[i], expected.data<int64_t>()[i]) << prompt << i;
  }
}

TEST_F(KimiVlPass, EveryWeightHasItsGradientDownToTheTableOfPositions) {
  weights::WriteSafetensors(in, {{"input_ids", golden.Get("train.input_ids")},
                                 {"labels", golden.Get("train.labels")},
                                 {"pixel_values", golden.Get("image_a.pixel_values")},
                                 {"image_grid_hws", golden.Get("image_a.grid_hw")}});
  const SafetensorsFile written = Run({"grad", kModel, "-i", in});
  for (const char* name :
       {"grad.vision_tower.patch_embed.pos_emb.weight", "grad.multi_modal_projector.pre_norm.weight",
        "grad.language_model.model.layers.1.mlp.gate.weight", "grad.language_model.lm_head.weight"}) {
    const Tensor expected = golden.Get(name);
    const float scale = MaxDifference(expected, Tensor::Zeros(expected.shape()));
    EXPECT_LE(MaxDifference(written.Get(name), expected), 2e-3f * scale + 1e-6f) << name;
  }
}

TEST_F(KimiVlPass, AVideoIsRefused) {
  weights::WriteSafetensors(in, {{"input_ids", golden.Get("p1.input_ids")},
                                 {"pixel_values_videos", golden.Get("image_a.pixel_values")},
                                 {"video_grid_thw", golden.Get("image_a.grid_hw")}});
  const ProgramResult result = RunTessera({"forward", kModel, "-i", in, "-o", out});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("more placeholders for images than the 0 given"));
}

TEST(RunKimiVl, AnAnswerSaysWhatWasSeenAndHowPointsAreNamed) {
  const ProgramResult result = RunTessera({"run", kModel, "Where is the button?", "--image", kPicture, "--image",
                                           kOther, "--json", "-n", "6", "--ignore-eos", "--temp", "0"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json report = ParseJson(result.out, "output");
  ASSERT_EQ(report["images"].size(), 2u);
  const auto size = image::SizeOf(image::ReadImage(kPicture), "picture");
  EXPECT_EQ(report["images"][0]["width"], size.width);
  EXPECT_EQ(report["images"][0]["height"], size.height);
  EXPECT_EQ(report["images"][0]["tokens"], 24);
  EXPECT_EQ(report["images"][1]["tokens"], 35);
  EXPECT_EQ(report["images"][0]["points"], "fractions");
  EXPECT_EQ(report["answer_tokens"], 6);
}

TEST(RunKimiVl, APlaceholderWithoutAPictureIsRefused) {
  const ProgramResult result = RunTessera({"run", kModel, "--raw", "<|media_pad|>"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("more placeholders for images than the 0 given"));
}

TEST(InspectKimiVl, SaysTheGridAndShowsThePadding) {
  const TemporaryFolder folder;
  const std::string seen = (folder / "seen.png").string();
  const ProgramResult json = RunTessera({"inspect", kModel, "--image", kPicture, "--save", seen, "--json"});
  ASSERT_EQ(json.exit_code, 0) << json.err;
  const Json report = ParseJson(json.out, "output");
  EXPECT_EQ(report["patches"], 96);
  EXPECT_EQ(report["tokens"], 24);
  EXPECT_EQ(report["points"], "fractions");
  const image::ImageSize size = image::SizeOf(image::ReadImage(seen), "seen");
  EXPECT_EQ(report["encoded_width"], size.width);
  EXPECT_EQ(size.height % 28, 0);
}

TEST(InspectKimiVl, CountsTheCacheOfItsLanguageModel) {
  const ProgramResult json = RunTessera({"inspect", kModel, "--json"});
  ASSERT_EQ(json.exit_code, 0) << json.err;
  const Json report = ParseJson(json.out, "output");
  EXPECT_EQ(report["family"], "kimi_vl");
  EXPECT_EQ(report["latent"], 24);
  EXPECT_EQ(report["memory"]["cache"]["f32"], 4 * 3 * 2048 * (24 + 8));
}

TEST(QuantizeKimiVl, OneFileSeesAndSpeaksAlone) {
  const TemporaryFolder folder;
  const std::string file = (folder / "kimi.gguf").string();
  const ProgramResult written = RunTessera({"quantize", kModel, file, "--type", "q8_0"});
  ASSERT_EQ(written.exit_code, 0) << written.err;
  const ProgramResult result =
      RunTessera({"run", file, "Where is the button?", "--image", kPicture, "--json", "-n", "6", "--ignore-eos"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json report = ParseJson(result.out, "output");
  EXPECT_EQ(report["images"][0]["tokens"], 24);
  EXPECT_EQ(report["answer_tokens"], 6);
  const ProgramResult seen = RunTessera({"inspect", file, "--image", kPicture, "--json"});
  EXPECT_EQ(ParseJson(seen.out, "output")["points"], "fractions") << seen.err;
  const ProgramResult again = RunTessera({"quantize", file, (folder / "again.gguf").string(), "--type", "q4_0"});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(RunTessera({"run", (folder / "again.gguf").string(), "What?", "--image", kPicture, "-n", "2"}).exit_code,
            0);
}

TEST(QuantizeKimiVl, AVisionFileCanBeNamed) {
  const ProgramResult result = RunTessera({"run", kModel, "x", "--mmproj", kPicture});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("belongs to a GGUF model"));
  EXPECT_EQ(RunTessera({"inspect", kModel, "--mmproj", "/nowhere.gguf"}).exit_code, 2);
}

TEST(TalkKimiVl, APictureGoesWithTheNextMessage) {
  const TemporaryFolder home;
  TerminalSession talk({"run", kModel, "-n", "5", "--ignore-eos"}, {"XDG_STATE_HOME=" + home.path().string()});
  ASSERT_TRUE(talk.WaitFor("> ")) << talk.screen();
  talk.Type("/image " + kPicture + "\r");
  ASSERT_TRUE(talk.WaitFor("24 tokens; it goes with the next message")) << talk.screen();
  ASSERT_TRUE(talk.WaitFor("> ")) << talk.screen();
  talk.Type("What is it?\r");
  ASSERT_TRUE(talk.WaitFor("is it?\r\n")) << talk.screen();
  ASSERT_TRUE(talk.WaitFor("> ")) << talk.screen();
  talk.Type("/stats\r");
  ASSERT_TRUE(talk.WaitFor("2 messages")) << talk.screen();
  talk.Type("/bye\r");
  EXPECT_EQ(talk.WaitForEnd(), 0);
}

}  // namespace
}  // namespace tessera::cli
