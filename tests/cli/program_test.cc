#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>

#include "cli/program_runner.h"
#include "tessera/core/json.h"

namespace tessera::cli {
namespace {

using testing::HasSubstr;

TEST(Program, VersionNamesTheLiveInstructionSet) {
  const ProgramResult result = RunTessera({"version"}, {.environment = {"TESSERA_ISA=portable"}});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr("portable"));
  const Json object = ParseJson(RunTessera({"version", "--json"}).out, "version");
  EXPECT_THAT(object["isas"].dump(), HasSubstr(object["isa"].get<std::string>()));
}

TEST(Program, AnUnknownInstructionSetIsAClearError) {
  const ProgramResult result = RunTessera({"version"}, {.environment = {"TESSERA_ISA=mmx"}});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("mmx"));
  EXPECT_EQ(result.out, "");
}

TEST(Program, GlobalFlagsStandBeforeOrAfterTheVerb) {
  EXPECT_THAT(RunTessera({"--threads", "3", "version"}).out, HasSubstr("3 threads"));
  EXPECT_THAT(RunTessera({"version", "--threads", "3"}).out, HasSubstr("3 threads"));
}

TEST(Program, WrongUsageEndsWithTwoAndSaysWhatWasWrong) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{}, {"frobnicate"}, {"version", "--frob"}, {"version", "--threads", "many"}}) {
    const ProgramResult result = RunTessera(arguments);
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_EQ(result.out, "");
    EXPECT_NE(result.err, "");
  }
  EXPECT_THAT(RunTessera({"version", "--frob"}).err, HasSubstr("--frob"));
  EXPECT_THAT(RunTessera({"frobnicate", "x"}).err, HasSubstr("\"frobnicate\" is not a command"));
  EXPECT_THAT(RunTessera({"frobnicate"}).err, HasSubstr("tokenize"));  // they are listed
  EXPECT_THAT(RunTessera({"version", "--frob"}).err, HasSubstr("`tessera version --help`"));
}

TEST(Program, ADeviceThatIsNotThereIsRefused) {
  EXPECT_EQ(RunTessera({"run", "x", "--device", "tpu"}).exit_code, 2);
  const ProgramResult result = RunTessera({"bench", "no-such-model", "--device", "cuda"});
  EXPECT_EQ(result.exit_code, 1);
  // Where there is a GPU, it is the model that is missing.
  EXPECT_THAT(result.err, testing::AnyOf(HasSubstr("GPU: "), HasSubstr("no-such-model")));
}

TEST(Program, ThreadsOutOfRangeAreRefused) {
  EXPECT_EQ(RunTessera({"version", "--threads", "0"}).exit_code, 2);
  EXPECT_EQ(RunTessera({"version", "--threads", "100000"}).exit_code, 2);
}

TEST(Program, HelpOfEveryCommandSaysWhatItDoes) {
  const ProgramResult help = RunTessera({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (const std::string verb : {"run", "pull", "list", "inspect", "tokenize", "detokenize", "template", "perplexity",
                                 "forward", "grad", "bench", "quantize", "math", "completion", "man", "version"}) {
    EXPECT_THAT(help.out, HasSubstr("\n  " + verb + " "));
    const ProgramResult of_verb = RunTessera({verb, "--help"});
    EXPECT_EQ(of_verb.exit_code, 0);
    EXPECT_THAT(of_verb.out, HasSubstr("Usage: tessera " + verb));
    EXPECT_THAT(of_verb.out, HasSubstr("--threads")) << "the global options too";
  }
  EXPECT_THAT(RunTessera({"quantize", "--help"}).out,
              HasSubstr("Usage: tessera quantize IN OUT --type TYPE [options]"));
}

TEST(Program, CompletionsKnowTheCommands) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const ProgramResult result = RunTessera({"completion", shell});
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_THAT(result.out, HasSubstr("completion"));
    EXPECT_THAT(result.out, HasSubstr("threads"));
  }
  EXPECT_EQ(RunTessera({"completion", "tcsh"}).exit_code, 2);
}

TEST(Program, TheManualPageHasItsSections) {
  const std::string page = RunTessera({"man"}).out;
  for (const char* section : {".TH TESSERA 1", ".SH OPTIONS", ".SS tessera version", ".SH EXIT STATUS"}) {
    EXPECT_THAT(page, HasSubstr(section));
  }
}

TEST(Program, ResultsThatCannotBeWrittenAreAFailure) {
  const std::string command = std::string(TESSERA_PROGRAM) + " version >/dev/full 2>/dev/null";
  EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 1);
}

// Built without FLINT, every question gets the same clear answer; built with it, this one has an answer.
TEST(Program, MathWithoutItsLibrariesSaysWhatIsMissing) {
  const ProgramResult result = RunTessera({"math", "harmonic", "3"});
  if (result.exit_code == 0) {
    EXPECT_THAT(result.out, HasSubstr("11/6"));
  } else {
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr("FLINT"));
  }
}

}  // namespace
}  // namespace tessera::cli
