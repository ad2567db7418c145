// The corpus of the config fuzzer, through the same function.

#include "fuzz/read_config.h"
#include "replay_corpus.h"

namespace tessera {
namespace {

TEST(FuzzReplay, Config) {
  const Replayed replayed = ReplayCorpus("config", fuzz::ReadConfig);
  EXPECT_GT(replayed.files, 5);
  EXPECT_GT(replayed.valid, 2);
}

}  // namespace
}  // namespace tessera
