// `run --video` and `forward --video`, with a program in ffmpeg's place that writes the golden case's frames.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

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

const std::string kModel = TESSERA_TEST_DATA "/qwen2vl_fp32";

class ProgramWithVideo : public testing::Test {
 protected:
  const TemporaryFolder folder;
  const std::string clip = (folder / "clip.mp4").string(), out = (folder / "out.safetensors").string();

  ProgramWithVideo() {
    std::ofstream(clip) << "a video";
    std::ofstream frames(folder / "frames", std::ios::binary);
    for (int i = 0; i < 5; ++i) {
      const Tensor frame = image::ReadImage(fmt::format("{}/frame_{}.png", kModel, i));
      frames << fmt::format("P6\n{} {}\n255\n", frame.dim(1), frame.dim(0));
      frames.write(reinterpret_cast<const char*>(frame.raw()), frame.bytes());
    }
    std::ofstream(folder / "ffmpeg") << "#!/bin/sh\nexec cat '" << (folder / "frames").string() << "'\n";
    std::filesystem::permissions(folder / "ffmpeg", std::filesystem::perms::owner_all);
  }

  ProgramResult Run(const std::vector<std::string>& arguments) const {
    return RunTessera(arguments, {.environment = {"PATH=" + folder.path().string() + ":" + std::getenv("PATH")}});
  }
};

TEST_F(ProgramWithVideo, ForwardComesNearTheGoldenThoughItsFramesWereResizedByAnotherLibrary) {
  const std::string prompt = ParseJson(ReadFile(kModel + "/case.json", 1 << 20), "case.json")["prompts"]["pv"]["text"];
  const ProgramResult result = Run({"forward", kModel, "--prompt", prompt, "--video", clip, "-o", out});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto golden = weights::SafetensorsFile::Open(kModel + "/golden.safetensors");
  const Tensor own = weights::SafetensorsFile::Open(out).Get("logits"), expected = golden.Get("pv.logits");
  ASSERT_EQ(own.shape(), expected.shape());
  double error = 0, norm = 0;
  for (size_t i = 0; i < expected.data<float>().size(); ++i) {
    const double d = own.data<float>()[i] - expected.data<float>()[i];
    error += d * d;
    norm += expected.data<float>()[i] * expected.data<float>()[i];
  }
  EXPECT_LT(error, 0.01 * 0.01 * norm);
}

TEST_F(ProgramWithVideo, AnAnswerSaysWhatWasWatched) {
  const ProgramResult result = Run({"run", kModel, "What happens?", "--video", clip, "--fps", "4", "--image",
                                    kModel + "/image_a.png", "--json", "-n", "4", "--ignore-eos"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json report = ParseJson(result.out, "output");
  ASSERT_EQ(report["videos"].size(), 1u);
  EXPECT_EQ(report["images"].size(), 1u);
  const Json& video = report["videos"][0];
  EXPECT_EQ(video["file"], clip);
  EXPECT_EQ(video["width"], 126);
  EXPECT_EQ(video["steps"], 3);
  EXPECT_EQ(video["seconds_per_step"], 0.5);
  EXPECT_EQ(video["tokens"], 36);
}

TEST_F(ProgramWithVideo, InAConversationItGoesWithTheNextMessageAndIsSavedWithIt) {
  const std::string file = (folder / "talk.json").string();
  const std::vector<std::string> environment = {"XDG_STATE_HOME=" + folder.path().string(),
                                                "PATH=" + folder.path().string() + ":" + std::getenv("PATH")};
  for (const bool again : {false, true}) {
    TerminalSession talk({"run", kModel, "-n", "3", "--ignore-eos", "--temp", "0", "--fps", "4"}, environment);
    ASSERT_TRUE(talk.WaitFor("> ")) << talk.screen();
    if (again) {
      talk.Type("/load " + file + "\r");
      ASSERT_TRUE(talk.WaitFor("loaded 2 messages")) << talk.screen();
    } else {
      talk.Type("/video " + clip + "\r");
      ASSERT_TRUE(talk.WaitFor("3 steps of 0.5 s")) << talk.screen();
      ASSERT_TRUE(talk.WaitFor("> ")) << talk.screen();
      talk.Type("/image " + kModel + "/image_a.png\r");
      ASSERT_TRUE(talk.WaitFor("image_a.png: ")) << talk.screen();
    }
    ASSERT_TRUE(talk.WaitFor("> ")) << talk.screen();
    talk.Type("What happens?\r");
    ASSERT_TRUE(talk.WaitFor("happens?\r\n")) << talk.screen();
    ASSERT_TRUE(talk.WaitFor("> ")) << talk.screen();
    talk.Type("/save " + file + "\r");
    ASSERT_TRUE(talk.WaitFor(again ? "saved 4 messages" : "saved 2 messages")) << talk.screen();
    talk.Type("/bye\r");
    EXPECT_EQ(talk.WaitForEnd(), 0);
  }
  const Json saved = ParseJson(ReadFile(file, 1 << 20), file);
  EXPECT_EQ(saved["messages"][0]["videos"], Json::array({clip}));
  EXPECT_EQ(saved["messages"][0]["images"].size(), 1u);
  EXPECT_FALSE(saved["messages"][2].contains("videos"));
}

TEST_F(ProgramWithVideo, InspectShowsItsGridAndItsTime) {
  const ProgramResult result = Run({"inspect", kModel, "--video", clip, "--fps", "4", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json report = ParseJson(result.out, "output");
  EXPECT_EQ(report["file"], clip);
  EXPECT_EQ(report["frames"], 5);
  EXPECT_EQ(report["grid"][0], 3);
  EXPECT_EQ(report["seconds_per_step"], 0.5);
  EXPECT_EQ(report["tokens"], 36);
  EXPECT_EQ(report["width"], 126);
  const ProgramResult text = Run({"inspect", kModel, "--video", clip});
  EXPECT_THAT(text.out, HasSubstr("3 x "));
  EXPECT_THAT(text.out, HasSubstr("5 frames"));
}

TEST_F(ProgramWithVideo, MistakesAreNamed) {
  const auto refused = [&](const std::vector<std::string>& arguments, int code, const char* what) {
    const ProgramResult result = Run(arguments);
    EXPECT_EQ(result.exit_code, code) << result.err;
    EXPECT_THAT(result.err, HasSubstr(what));
  };
  refused({"run", TESSERA_TEST_DATA "/kimi_vl_fp32", "x", "--video", clip}, 1, "take no videos");
  refused({"run", TESSERA_TEST_DATA "/llama_smollm2_fp32", "x", "--video", clip}, 1, "take no videos");
  refused({"inspect", TESSERA_TEST_DATA "/kimi_vl_fp32", "--video", clip}, 1, "no videos");
  refused({"inspect", kModel, "--video", clip, "--image", kModel + "/image_a.png"}, 2, "--video");
  refused({"run", kModel, "x", "--video", "/nowhere.mp4"}, 2, "/nowhere.mp4");
  refused({"run", kModel, "x", "--fps", "3"}, 2, "--video");
  refused({"forward", kModel, "--prompt", "x", "--video", clip, "-o", out}, 1, "0 images and 1 videos were given");
  refused({"forward", TESSERA_TEST_DATA "/kimi_vl_fp32", "--prompt", "x", "--video", clip, "-o", out}, 1, "no videos");
  std::filesystem::remove(folder / "frames");
  refused({"run", kModel, "x", "--video", clip}, 1, "ffmpeg cannot read it");
}

}  // namespace
}  // namespace tessera::cli
