// `tessera run` on a tiny model that is always there, and on the real one when it was pulled.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cli/program_runner.h"
#include "cli/terminal_session.h"
#include "tessera/core/json.h"
#include "tessera/weights/catalogue.h"

namespace tessera::cli {
namespace {

using testing::HasSubstr;

const std::string kTiny = std::string(TESSERA_TEST_DATA) + "/llama_smollm2_fp32";

std::string Temporary(const std::string& name) {
  return (std::filesystem::path(testing::TempDir()) / ("tessera_run_" + std::to_string(getpid()) + name)).string();
}

TEST(Run, PrintsOneAnswerAndEnds) {
  const ProgramResult result = RunTessera({"run", kTiny, "--raw", "Hello", "-n", "8", "--ignore-eos"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out, "\n");
  EXPECT_EQ(result.err, "");  // nothing but the answer
}

// The context of this model is 512 tokens.
TEST(Run, AnAnswerThatIsCutUnaskedSaysSo) {
  const ProgramResult cut = RunTessera({"run", kTiny, "--raw", "Hello", "--ignore-eos"});
  EXPECT_EQ(cut.exit_code, 0);
  EXPECT_EQ(cut.err, "(the context is full)\n");
  EXPECT_EQ(RunTessera({"run", kTiny, "--raw", "Hello", "--ignore-eos", "-q"}).err, "");
}

TEST(Run, JsonHoldsTheAnswerWithItsTokensAndTimings) {
  const ProgramResult result = RunTessera({"run", kTiny, "--raw", "--json", "Hello", "-n", "8", "--ignore-eos"});
  const Json report = ParseJson(result.out, "output");
  EXPECT_EQ(report["ids"].size(), 8u);
  EXPECT_EQ(report["finish"], "length");
  EXPECT_GT(report["timings"]["predicted_per_second"].get<double>(), 0);
}

TEST(Run, ThePromptMayComeFromStandardInput) {
  const std::vector<std::string> flags = {"--raw", "-n", "8", "--ignore-eos"};
  std::vector<std::string> given = {"run", kTiny, "Hello"}, piped = {"run", kTiny}, dash = {"run", kTiny, "-"};
  for (auto* arguments : {&given, &piped, &dash}) arguments->insert(arguments->end(), flags.begin(), flags.end());
  const std::string expected = RunTessera(given).out;
  EXPECT_EQ(RunTessera(piped, {.standard_input = "Hello"}).out, expected);
  EXPECT_EQ(RunTessera(dash, {.standard_input = "Hello"}).out, expected);
}

TEST(Run, TheSameSeedDrawsTheSameAnswer) {
  const auto draw = [](const char* seed) {
    return RunTessera({"run", kTiny, "--raw", "Hello", "-n", "30", "--ignore-eos", "--temp", "2", "--seed", seed}).out;
  };
  EXPECT_EQ(draw("5"), draw("5"));
  EXPECT_NE(draw("5"), draw("6"));
}

TEST(Run, EveryStrategyAndThreadCountGivesTheSameAnswer) {
  const auto answer = [](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"run", kTiny, "--raw", "a b a b a b a b", "-n", "40", "--ignore-eos"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunTessera(arguments).out;
  };
  const std::string expected = answer({});
  EXPECT_EQ(answer({"--strategy", "lookup"}), expected);
  EXPECT_EQ(answer({"--threads", "1"}), expected);
  EXPECT_EQ(answer({"--threads", "4"}), expected);
}

TEST(Run, MistakesAreNamed) {
  const auto error = [](std::vector<std::string> arguments, int code) {
    const ProgramResult result = RunTessera(arguments);
    EXPECT_EQ(result.exit_code, code) << result.err;
    EXPECT_EQ(result.out, "");
    return result.err;
  };
  EXPECT_THAT(error({"run", "no-such-model", "x"}, 1), HasSubstr("no-such-model"));
  EXPECT_THAT(error({"run", kTiny, "--raw", ""}, 1), HasSubstr("empty"));
  EXPECT_THAT(error({"run", kTiny, "x", "--temp", "-1"}, 1), HasSubstr("temperature"));
  EXPECT_THAT(error({"run", kTiny, "x", "--top-p", "lots"}, 2), HasSubstr("top-p"));
  EXPECT_THAT(error({"run", kTiny, "x", "--logit-bias", "5"}, 1), HasSubstr("ID=BIAS"));
  EXPECT_THAT(error({"run", kTiny, "x", "--strategy", "magic"}, 2), HasSubstr("strategy"));
  EXPECT_THAT(error({"run", kTiny, "--raw", "a long prompt of many words, longer than the context", "-c", "4"}, 1),
              HasSubstr("but the context holds 4"));
}

TEST(Run, CtrlCEndsAnAnswerWithCode130) {
  const std::string command = "timeout --preserve-status -s INT 2 " + std::string(TESSERA_PROGRAM) + " run " + kTiny +
                              " --raw Hello --ignore-eos -n -1 -c 100000000 >/dev/null 2>&1 </dev/null";
  EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 130);
}

class Talk : public testing::Test {
 protected:
  Talk() : home_(Temporary("_home")) { std::filesystem::create_directories(home_); }
  ~Talk() override { std::filesystem::remove_all(home_); }
  std::vector<std::string> Environment() const { return {"XDG_STATE_HOME=" + home_}; }
  std::string home_;
};

TEST_F(Talk, AnswersThenTakesCommandsThenLeaves) {
  TerminalSession talk({"run", kTiny, "--raw", "-n", "12", "--ignore-eos"}, Environment());
  ASSERT_TRUE(talk.WaitFor("> ")) << talk.screen();
  talk.Type("Hello world\r");
  ASSERT_TRUE(talk.WaitFor("> ")) << talk.screen();
  talk.Type("/stats\r");
  EXPECT_TRUE(talk.WaitFor("12 tokens")) << talk.screen();
  EXPECT_TRUE(talk.WaitFor("> "));
  talk.Type("/nonsense\r");
  EXPECT_TRUE(talk.WaitFor("/help lists them")) << talk.screen();
  talk.Type("/help\r");
  EXPECT_TRUE(talk.WaitFor("/system TEXT")) << talk.screen();
  EXPECT_TRUE(talk.WaitFor("> "));
  talk.Type("/bye\r");
  EXPECT_EQ(talk.WaitForEnd(), 0);
}

TEST_F(Talk, CtrlCStopsTheAnswerNotTheProgram) {
  TerminalSession talk({"run", kTiny, "--raw", "--ignore-eos", "-n", "-1", "-c", "1000000"}, Environment());
  ASSERT_TRUE(talk.WaitFor("> ")) << talk.screen();
  talk.Type("Hello\r");
  ASSERT_TRUE(talk.WaitFor("Hello\r\n"));
  usleep(500000);
  talk.Type("\x03");
  EXPECT_TRUE(talk.WaitFor("(stopped)")) << talk.screen();
  EXPECT_TRUE(talk.WaitFor("> "));
  talk.Type("half a line\x03");
  EXPECT_TRUE(talk.WaitFor("leaves")) << talk.screen();
  EXPECT_TRUE(talk.WaitFor("> "));
  talk.Type("\x04");
  EXPECT_EQ(talk.WaitForEnd(), 0);
}

TEST_F(Talk, CtrlDTypedDuringAnAnswerLeavesAfterIt) {
  TerminalSession talk({"run", kTiny, "--raw", "--ignore-eos", "-n", "3000", "-c", "4000"}, Environment());
  ASSERT_TRUE(talk.WaitFor("> ")) << talk.screen();
  talk.Type("Hello\r");
  ASSERT_TRUE(talk.WaitFor("Hello\r\n"));
  ASSERT_TRUE(talk.WaitFor(" ")) << "the answer did not begin: " << talk.screen();
  talk.Type("\x04");
  EXPECT_EQ(talk.WaitForEnd(), 0);
}

TEST_F(Talk, ConversationsAreSavedAndLoaded) {
  const std::string file = home_ + "/talk.json";
  {
    TerminalSession talk({"run", kTiny, "--raw", "-n", "5", "--ignore-eos"}, Environment());
    ASSERT_TRUE(talk.WaitFor("> "));
    talk.Type("\"\"\"line one\rline two\"\"\"\r");
    ASSERT_TRUE(talk.WaitFor("two\"\"\"\r\n")) << talk.screen();
    ASSERT_TRUE(talk.WaitFor("> ")) << talk.screen();
    talk.Type("/system Be brief.\r");
    ASSERT_TRUE(talk.WaitFor("system text set")) << talk.screen();
    talk.Type("/save " + file + "\r");
    ASSERT_TRUE(talk.WaitFor("saved 2 messages")) << talk.screen();
    talk.Type("/bye\r");
    EXPECT_EQ(talk.WaitForEnd(), 0);
  }
  std::ifstream in(file);
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const Json saved = ParseJson(text, file);
  EXPECT_EQ(saved["messages"][0]["content"], "line one\nline two");
  EXPECT_EQ(saved["system"], "Be brief.");
  TerminalSession talk({"run", kTiny, "--raw"}, Environment());
  ASSERT_TRUE(talk.WaitFor("> "));
  talk.Type("/load " + file + "\r");
  EXPECT_TRUE(talk.WaitFor("loaded 2 messages")) << talk.screen();
  talk.Type("/system\r");
  EXPECT_TRUE(talk.WaitFor("Be brief.")) << talk.screen();
  talk.Type("/load " + home_ + "/absent.json\r");
  EXPECT_TRUE(talk.WaitFor("cannot open")) << talk.screen();
  talk.Type("/reset\r");
  EXPECT_TRUE(talk.WaitFor("forgotten")) << talk.screen();
}

TEST_F(Talk, CommandsTypedInARushAreMessagesOfTheirOwn) {
  TerminalSession talk({"run", kTiny, "--raw"}, Environment());
  ASSERT_TRUE(talk.WaitFor("> "));
  talk.Type("/stats\r/system Be brief.\r/reset\r");
  EXPECT_TRUE(talk.WaitFor("no answer yet")) << talk.screen();
  EXPECT_TRUE(talk.WaitFor("system text set")) << talk.screen();
  EXPECT_TRUE(talk.WaitFor("forgotten")) << talk.screen();
}

TEST_F(Talk, EarlierMessagesComeBackWithTheArrowKey) {
  for (const char* keys : {"first message\r", "\x1b[A\x1b[A\r"}) {
    TerminalSession talk({"run", kTiny, "--raw", "-n", "3", "--ignore-eos"}, Environment());
    ASSERT_TRUE(talk.WaitFor("> "));
    talk.Type(keys);
    EXPECT_TRUE(talk.WaitFor("first message")) << talk.screen();
    ASSERT_TRUE(talk.WaitFor("> ")) << talk.screen();
    talk.Type("/bye\r");
    EXPECT_EQ(talk.WaitForEnd(), 0);
  }
}

// The main job, on the real model.
TEST(RunSmolLm2, AnswersThroughItsChatTemplate) {
  if (!weights::IsPulled(*weights::FindInCatalogue("smollm2"))) {
    GTEST_SKIP() << "the model is not here; run: tessera pull smollm2";
  }
  const ProgramResult result =
      RunTessera({"run", "smollm2", "Hello! Who are you?", "--temp", "0", "-n", "24", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(ParseJson(result.out, "output")["text"].get<std::string>(), HasSubstr("help"));
}

}  // namespace
}  // namespace tessera::cli
