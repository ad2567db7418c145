// `run` and `inspect` with pictures, on a tiny model of random weights: what is shown, counted and kept.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "cli/program_runner.h"
#include "cli/terminal_session.h"
#include "tessera/core/json.h"
#include "tessera/image/decode.h"
#include "weights/temporary_folder.h"

namespace tessera::cli {
namespace {

using testing::HasSubstr;

const std::string kModel = TESSERA_TEST_DATA "/qwen2vl_fp32", kModel25 = TESSERA_TEST_DATA "/qwen25vl_bf16";
const std::string kPicture = kModel + "/image_a.png", kOther = kModel + "/image_b.png";

Json Answer(std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--json", "-n", "6", "--ignore-eos", "--temp", "0"});
  const ProgramResult result = RunTessera(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return result.exit_code == 0 ? ParseJson(result.out, "output") : Json();
}

TEST(RunVision, AnAnswerSaysEveryPicturesSizeAndTheSizeThatWasSeen) {
  for (const auto& [model, points] : {std::pair(kModel, "thousandths"), std::pair(kModel25, "encoder_pixels")}) {
    const Json report = Answer({"run", model, "Compare.", "--image", kPicture, "--image", kOther});
    ASSERT_EQ(report["images"].size(), 2u);
    const Json& image = report["images"][0];
    EXPECT_EQ(image["file"], kPicture);
    EXPECT_EQ(image["width"], 143);
    EXPECT_EQ(image["height"], 97);
    EXPECT_EQ(image["encoded_width"].get<int>() % 28, 0);
    EXPECT_EQ(image["tokens"].get<int>(),
              image["encoded_width"].get<int>() * image["encoded_height"].get<int>() / (28 * 28));
    EXPECT_EQ(image["points"], points);
    EXPECT_GT(report["prompt_tokens"].get<int>(), image["tokens"].get<int>());
  }
}

TEST(RunVision, AnAnswerSaysHowLongEachPictureTookAndNothingForOneThatItHasSeen) {
  const Json report = Answer({"run", kModel, "Compare.", "--image", kPicture, "--image", kPicture});
  const Json &first = report["images"][0], &again = report["images"][1];
  EXPECT_GT(first["prepare_ms"].get<double>(), 0);
  EXPECT_GT(first["encode_ms"].get<double>(), 0);
  EXPECT_EQ(again["prepare_ms"], 0.0);
  EXPECT_EQ(again["encode_ms"], 0.0);
  EXPECT_GE(report["timings"]["pictures_ms"].get<double>(),
            first["prepare_ms"].get<double>() + first["encode_ms"].get<double>());
  EXPECT_FALSE(Answer({"run", kModel, "Hello."})["timings"].contains("pictures_ms"));
}

TEST(RunVision, PicturesChangeTheAnswerAndItsFormatDoesNot) {
  const Json a = Answer({"run", kModel, "What is it?", "--image", kPicture}),
             b = Answer({"run", kModel, "What is it?", "--image", kOther});
  EXPECT_NE(a["ids"], b["ids"]);
  EXPECT_EQ(
      Answer({"run", kModel, "--raw", "<|vision_start|><|image_pad|><|vision_end|>x", "--image", kPicture})["finish"],
      "length");
}

TEST(RunVision, MistakesAreNamed) {
  const auto error = [](std::vector<std::string> arguments, int code) {
    const ProgramResult result = RunTessera(arguments);
    EXPECT_EQ(result.exit_code, code) << result.err;
    EXPECT_EQ(result.out, "");
    return result.err;
  };
  EXPECT_THAT(error({"run", kModel, "x", "--image", "/nowhere.png"}, 2), HasSubstr("/nowhere.png"));
  EXPECT_THAT(error({"run", kModel, "x", "--image", kModel + "/config.json"}, 1), HasSubstr("no PNG"));
  EXPECT_THAT(error({"run", TESSERA_TEST_DATA "/llama_smollm2_fp32", "x", "--image", kPicture}, 1),
              HasSubstr("see no pictures"));
  EXPECT_THAT(error({"run", kModel, "<|image_pad|>"}, 1), HasSubstr("more placeholders for images than the 0 given"));
  EXPECT_THAT(error({"run", kModel, "--raw", "x", "--image", kPicture}, 1), HasSubstr("1 images and 0 videos"));
  EXPECT_THAT(error({"run", kModel, "x", "--image", kPicture, "-c", "20"}, 1), HasSubstr("but the context holds 20"));
}

TEST(InspectVision, SaysTheGridTheTokensAndWritesWhatIsSeen) {
  const TemporaryFolder folder;
  const std::string seen = (folder / "seen.png").string();
  const ProgramResult plain = RunTessera({"inspect", kModel25, "--image", kPicture, "--save", seen});
  ASSERT_EQ(plain.exit_code, 0) << plain.err;
  EXPECT_THAT(plain.out, HasSubstr("143 x 97 pixels"));
  EXPECT_THAT(plain.out, HasSubstr("140 x 84 pixels"));
  EXPECT_THAT(plain.out, HasSubstr("10 x 6, 60 altogether"));
  EXPECT_EQ(image::SizeOf(image::ReadImage(seen), "seen"), (image::ImageSize{84, 140}));
  const ProgramResult json = RunTessera({"inspect", kModel25, "--image", kPicture, "--json"});
  const Json report = ParseJson(json.out, "output");
  EXPECT_EQ(report["tokens"], 15);
  EXPECT_EQ(report["grid"], Json({1, 6, 10}));
  EXPECT_EQ(report["points"], "encoder_pixels");
}

TEST(InspectVision, AModelOfTextHasNothingToSay) {
  const ProgramResult result = RunTessera({"inspect", TESSERA_TEST_DATA "/llama_smollm2_fp32", "--image", kPicture});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("sees no pictures"));
  EXPECT_EQ(RunTessera({"inspect", kModel, "--save", "x.png"}).exit_code, 2);
}

TEST(InspectVision, ATerminalShowsThePicture) {
  TerminalSession session({"inspect", kModel, "--image", kPicture}, {});
  EXPECT_TRUE(session.WaitFor("▀")) << session.screen();
  EXPECT_EQ(session.WaitForEnd(), 0);
}

TEST(TalkVision, APictureGoesWithTheNextMessageAndIsSavedWithIt) {
  const TemporaryFolder home;
  const std::string file = (home / "talk.json").string();
  const std::vector<std::string> environment = {"XDG_STATE_HOME=" + home.path().string()};
  {
    TerminalSession talk({"run", kModel, "-n", "5", "--ignore-eos"}, environment);
    ASSERT_TRUE(talk.WaitFor("> ")) << talk.screen();
    talk.Type("/image " + kPicture + "\r");
    ASSERT_TRUE(talk.WaitFor("goes with the next message")) << talk.screen();
    talk.Type("/image /nowhere.png\r");
    ASSERT_TRUE(talk.WaitFor("cannot open")) << talk.screen();
    ASSERT_TRUE(talk.WaitFor("> ")) << talk.screen();
    talk.Type("What is it?\r");
    ASSERT_TRUE(talk.WaitFor("is it?\r\n")) << talk.screen();
    ASSERT_TRUE(talk.WaitFor("> ")) << talk.screen();
    talk.Type("/stats\r");
    ASSERT_TRUE(talk.WaitFor("2 messages")) << talk.screen();
    talk.Type("/save " + file + "\r");
    ASSERT_TRUE(talk.WaitFor("saved 2 messages")) << talk.screen();
    talk.Type("/bye\r");
    EXPECT_EQ(talk.WaitForEnd(), 0);
  }
  std::ifstream in(file);
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  EXPECT_EQ(ParseJson(text, file)["messages"][0]["images"], Json::array({kPicture}));
  TerminalSession talk({"run", kModel, "-n", "5", "--ignore-eos"}, environment);
  ASSERT_TRUE(talk.WaitFor("> "));
  talk.Type("/load " + file + "\r");
  EXPECT_TRUE(talk.WaitFor("loaded 2 messages")) << talk.screen();
  EXPECT_TRUE(talk.WaitFor("> ")) << talk.screen();
  talk.Type("And now?\r");
  ASSERT_TRUE(talk.WaitFor("now?\r\n")) << talk.screen();
  EXPECT_TRUE(talk.WaitFor("> ")) << talk.screen();
  talk.Type("/stats\r");
  EXPECT_TRUE(talk.WaitFor("4 messages")) << talk.screen();
}

}  // namespace
}  // namespace tessera::cli
