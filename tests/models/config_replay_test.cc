// The corpora of the fuzzers of configurations, through the same functions.

#include "fuzz/read_config.h"
#include "fuzz/read_vqgan.h"
#include "replay_corpus.h"

namespace tessera {
namespace {

TEST(FuzzReplay, Config) {
  const Replayed replayed = ReplayCorpus("config", fuzz::ReadConfig);
  EXPECT_GT(replayed.files, 5);
  EXPECT_GT(replayed.valid, 2);
}

TEST(FuzzReplay, VqGan) {
  const Replayed replayed = ReplayCorpus("vqgan", fuzz::ReadVqGan);
  EXPECT_GT(replayed.files, 6);
  EXPECT_EQ(replayed.valid, 3);
}

}  // namespace
}  // namespace tessera
