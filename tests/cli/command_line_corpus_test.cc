// Replays the corpus of the command line's fuzzer.

#include "fuzz/parse_arguments.h"
#include "replay_corpus.h"

namespace tessera::fuzz {
namespace {

TEST(CommandLineCorpus, EveryLineOfArgumentsIsParsedOrRefused) {
  EXPECT_GE(ReplayCorpus("command_line", ParseArguments).files, 5);
}

}  // namespace
}  // namespace tessera::fuzz
