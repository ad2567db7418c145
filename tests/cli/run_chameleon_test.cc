// The program with a tiny Chameleon of random weights: pictures in, pictures out, and words between them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "cli/program_runner.h"
#include "cli/terminal_session.h"
#include "models/golden.h"
#include "tessera/core/json.h"
#include "tessera/image/decode.h"
#include "weights/temporary_folder.h"

namespace tessera::cli {
namespace {

using testing::HasSubstr;

const std::string kModel = TESSERA_TEST_DATA "/chameleon_34b_style_bf16", kPicture = kModel + "/image_a.png";

Json Report(const std::vector<std::string>& arguments) {
  const ProgramResult result = RunTessera(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return result.exit_code == 0 ? ParseJson(result.out, "output") : Json();
}

TEST(RunChameleon, DrawsAPictureIntoAFileAndTheSeedDecidesWhich) {
  const TemporaryFolder folder;
  const auto draw = [&](const std::string& name, const std::string& seed) {
    return Report({"run", kModel, "Draw a fox", "--out", (folder / name).string(), "--seed", seed, "--json"});
  };
  const Json once = draw("a.png", "3"), again = draw("b.png", "3");
  ASSERT_EQ(once["pictures"].size(), 1u);
  EXPECT_EQ(once["pictures"][0]["file"], (folder / "a.png").string());
  EXPECT_EQ(once["pictures"][0]["ids"].size(), 1024u);
  EXPECT_EQ(once["answer_tokens"], 1026);
  EXPECT_EQ(once["text"], "<image>");
  EXPECT_EQ(again["ids"], once["ids"]);
  const Tensor a = image::ReadImage(folder / "a.png"), b = image::ReadImage(folder / "b.png");
  EXPECT_EQ(image::SizeOf(a, "picture"), (image::ImageSize{64, 64}));
  EXPECT_TRUE(std::ranges::equal(a.data<uint8_t>(), b.data<uint8_t>()));
}

// The file is the model: its vocabulary, its turns, and the image tokenizer both ways.
TEST(RunChameleon, OneGgufFileDrawsAndReadsAlone) {
  const TemporaryFolder folder;
  const std::string model = (folder / "one.gguf").string(), out = (folder / "a.png").string();
  ASSERT_EQ(RunTessera({"quantize", kModel, model, "--type", "q8_0"}).exit_code, 0);
  const Json drawn = Report({"run", model, "Draw a fox", "--out", out, "--seed", "3", "--json"});
  EXPECT_EQ(drawn["pictures"][0]["ids"].size(), 1024u);
  EXPECT_EQ(image::SizeOf(image::ReadImage(out), "picture"), (image::ImageSize{64, 64}));
  const auto read = [](const std::string& from) {
    return Report({"run", from, "What is it?", "--image", kPicture, "-n", "4", "--ignore-eos", "--json", "--logit-bias",
                   "133=-inf"});
  };
  const Json own = read(model);
  EXPECT_EQ(own["prompt_tokens"], read(kModel)["prompt_tokens"]);
  EXPECT_EQ(own["images"][0]["tokens"], 1026);
}

TEST(RunChameleon, WordsAndPicturesGoToNumberedFiles) {
  const TemporaryFolder folder;
  const std::string out = (folder / "fox.png").string();
  // Token 133 begins a picture.
  const ProgramResult result = RunTessera({"run", kModel, "Both", "--out", out, "--interleaved", "-n", "3",
                                           "--ignore-eos", "--logit-bias", "133=40", "-c", "2200", "--seed", "1"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr(out));
  EXPECT_TRUE(exists(folder / "fox.png"));
  EXPECT_TRUE(exists(folder / "fox-2.png"));
}

TEST(RunChameleon, AnAnswerAboutAPictureSaysWhatWasSeen) {
  const Json report = Report({"run", kModel, "What is it?", "--image", kPicture, "-n", "4", "--ignore-eos", "--json",
                              "--logit-bias", "133=-inf"});
  EXPECT_EQ(report["images"][0]["tokens"], 1026);
  EXPECT_EQ(report["images"][0]["encoded_width"], 64);
  EXPECT_EQ(report["answer_tokens"], 4);
  EXPECT_FALSE(report.contains("pictures"));
  EXPECT_GT(report["prompt_tokens"].get<int>(), 1026);
}

TEST(RunChameleon, MistakesAreNamed) {
  const auto error = [](const std::vector<std::string>& arguments, int code) {
    const ProgramResult result = RunTessera(arguments);
    EXPECT_EQ(result.exit_code, code) << result.err;
    return result.err;
  };
  EXPECT_THAT(error({"run", TESSERA_TEST_DATA "/llama_smollm2_fp32", "x", "--out", "x.png"}, 1),
              HasSubstr("--out: models of type \"llama\" draw no pictures"));
  EXPECT_THAT(error({"run", kModel, "x", "--out", "x.png", "-c", "500"}, 1), HasSubstr("do not fit"));
  EXPECT_THAT(error({"run", kModel, "x<image>"}, 1), HasSubstr("more placeholders for images than the 0 given"));
  EXPECT_EQ(RunTessera({"run", kModel, "x", "--interleaved"}).exit_code, 2);
}

TEST(RunChameleon, ATerminalShowsWhatIsDrawn) {
  const TemporaryFolder folder;
  const std::vector<std::string> arguments{"run", kModel, "Draw", "--out", (folder / "a.png").string(), "--seed", "1"};
  for (const auto& [protocol, shown] :
       {std::pair("kitty", "\x1b_Ga=T,f=100"), std::pair("sixel", "\x1bPq"), std::pair("blocks", "▀")}) {
    TerminalSession session(arguments, {std::string("TESSERA_PICTURES=") + protocol});
    EXPECT_TRUE(session.WaitFor(shown)) << protocol << session.screen();
    EXPECT_EQ(session.WaitForEnd(), 0);
  }
}

TEST(ChameleonVerbs, ForwardGivesTheGoldensLogitsForAPromptWithAPicture) {
  const TemporaryFolder folder;
  const std::string out = (folder / "out.safetensors").string();
  for (const char* name : {"chameleon_7b_style_fp32", "chameleon_34b_style_bf16"}) {
    const models::Golden golden(name);
    const std::string model = models::Golden::Folder(name);
    const auto ids = golden["p1.input_ids"].data<int64_t>();
    // The text around the picture, as the program spells it.
    const ProgramResult spelled = RunTessera({"detokenize", model}, {.standard_input = [&] {
                                               Json list = Json::array();
                                               for (const int64_t id : ids)
                                                 if (id != golden["cfg.prompt_uncond"].data<int64_t>()[1])
                                                   list.push_back(id);
                                               return Json{{"ids", list}}.dump() + "\n";
                                             }()});
    ASSERT_EQ(spelled.exit_code, 0) << spelled.err;
    std::string text = ParseJson(spelled.out, "output")["text"];
    const size_t begin = text.find("IMGIMG"), end = text.find("<eoss>");
    text.replace(begin, end + 6 - begin, "<image>");
    const ProgramResult result =
        RunTessera({"forward", model, "--prompt", text, "--image", model + "/image_a.png", "-o", out});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const auto file = weights::SafetensorsFile::Open(out);
    const Tensor logits = file.Get("logits"), places = golden["p1.logit_positions"], expected = golden["p1.raw_logits"];
    ASSERT_EQ(logits.dim(1), golden["p1.input_ids"].dim(1));
    for (int64_t i = 0; i < places.numel(); ++i) {
      const int64_t place = places.data<int64_t>()[static_cast<size_t>(i)];
      EXPECT_LE(models::MaxDifference(logits.Slice(1, place, place + 1), expected.Slice(1, i, i + 1)), 1e-3f);
    }
  }
}

TEST(ChameleonVerbs, GradReachesEveryWeightOfTheLanguageModel) {
  const TemporaryFolder folder;
  const models::Golden golden("chameleon_7b_style_fp32");
  const std::string in = (folder / "in.safetensors").string(), out = (folder / "out.safetensors").string();
  weights::WriteSafetensors(in, {{"input_ids", golden["train.input_ids"]}, {"labels", golden["train.labels"]}});
  const ProgramResult result =
      RunTessera({"grad", models::Golden::Folder(golden.name), "--input", in, "--output", out});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto file = weights::SafetensorsFile::Open(out);
  for (const auto& info : golden.expected.tensors()) {
    if (!info.name.starts_with("grad.")) continue;
    ASSERT_TRUE(file.Has(info.name)) << info.name;
    EXPECT_LE(models::MaxDifference(file.Get(info.name), golden[info.name]),
              2e-3f * models::MaxAbs(golden[info.name]) + 1e-6f);
  }
}

TEST(ChameleonVerbs, InspectAndTemplate) {
  const Json seen = Report({"inspect", kModel, "--image", kPicture, "--json"});
  EXPECT_EQ(seen["tokens"], 1026);
  EXPECT_EQ(seen["grid"], Json({1, 32, 32}));
  const ProgramResult line = RunTessera(
      {"template", kModel},
      {.standard_input =
           R"({"messages": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Hi"}]}, {"role": "assistant", "content": "Ho"}]})"
           "\n"});
  EXPECT_EQ(line.exit_code, 0) << line.err;
  EXPECT_EQ(ParseJson(line.out, "output")["text"], "<s><image>Hi<reserved08706>Ho<reserved08706>");
}

}  // namespace
}  // namespace tessera::cli
