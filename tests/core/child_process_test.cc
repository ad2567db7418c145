#include "tessera/core/child_process.h"

#include <gtest/gtest.h>

#include "tessera/core/error.h"

namespace tessera {
namespace {

TEST(ChildProcess, ArgumentsReachTheProgramUnchanged) {
  std::string output;
  const ChildResult result =
      RunChild({"printf", "%s|%s", "a b; $HOME", "'\""}, {.on_output = [&](std::string_view text) { output += text; }});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(output, "a b; $HOME|'\"");
}

TEST(ChildProcess, ReportsExitCodeSignalAndErrors) {
  const ChildResult failed = RunChild({"sh", "-c", "echo bad >&2; exit 7"});
  EXPECT_EQ(failed.exit_code, 7);
  EXPECT_EQ(failed.errors, "bad\n");
  EXPECT_EQ(RunChild({"sh", "-c", "kill -9 $$"}).exit_code, 128 + 9);
}

TEST(ChildProcess, AbsentProgramIsAnError) { EXPECT_THROW(RunChild({"no-such-program-here"}), Error); }

TEST(ChildProcess, EnvironmentAndFolderAreTheChilds) {
  std::string output;
  RunChild({"sh", "-c", "echo $TESSERA_X; pwd"}, {.on_output = [&](std::string_view text) { output += text; },
                                                  .environment = {{"TESSERA_X", "y"}},
                                                  .folder = "/"});
  EXPECT_EQ(output, "y\n/\n");
}

TEST(ChildProcess, CallbackThatThrowsEndsTheChild) {
  EXPECT_THROW(RunChild({"sleep", "1000"}, {.on_tick = [] { Fail("stop"); }}), Error);
}

}  // namespace
}  // namespace tessera
