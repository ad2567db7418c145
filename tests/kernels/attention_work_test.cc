#include "tessera/kernels/cpu/attention_work.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "kernels/attention_cases.h"

namespace tessera::kernels {
namespace {

// Prompts for three key/value heads, each met by two of queries.
struct Prompts {
  AttentionOperands x;
  AttentionSpec spec;

  explicit Prompts(std::vector<AttentionSequence> sequences) {
    int64_t queries = 0, keys = 0;
    for (const AttentionSequence& s : sequences) queries += s.query_count, keys += s.key_count;
    x = {Tensor::Zeros({queries, 6, 32}), Tensor::Zeros({keys, 3, 32}), Tensor::Zeros({keys, 3, 32}), {}};
    spec.pattern.sequences = std::move(sequences);
    spec.scale = 1;
  }
};

TEST(AttentionWork, BlocksHaveEveryRowOnce) {
  const Prompts prompts({{300, 300, {}, {}}, {70, 570, {}, {}}});
  const AttentionWork work(prompts.x, prompts.spec, nullptr);
  const int before = ThreadCount();
  for (const int threads : {1, 2, 3, 7}) {
    SetThreadCount(threads);
    for (const int64_t most : {1, 64, 100, 10000}) {
      std::map<std::pair<size_t, int64_t>, std::vector<int>> seen;  // [sequence, head][row]
      for (const RowBlock& block : work.Blocks(most)) {
        EXPECT_LE(block.end - block.begin, most);
        std::vector<int>& rows = seen[{block.sequence, block.kv_head}];
        rows.resize(block.sequence == 0 ? 600 : 140);
        for (int64_t row = block.begin; row < block.end; ++row) ++rows[static_cast<size_t>(row)];
      }
      EXPECT_EQ(seen.size(), 6u);
      for (const auto& [place, rows] : seen)
        EXPECT_EQ(std::ranges::count(rows, 1), std::ssize(rows)) << threads << " threads, " << most;
    }
  }
  SetThreadCount(before);
}

// Scores of each thread's share of a loop over the blocks: no two shares differ by more than a few blocks.
TEST(AttentionWork, SharesOfThreadsTakeAboutAsLong) {
  const Prompts prompts({{512, 512, {}, {}}});
  const AttentionWork work(prompts.x, prompts.spec, nullptr);
  const int before = ThreadCount();
  for (const size_t threads : {2u, 3u, 4u}) {
    SetThreadCount(static_cast<int>(threads));
    const std::vector<RowBlock> blocks = work.Blocks(64);
    std::vector<int64_t> scores(threads);
    for (size_t t = 0; t < threads; ++t) {
      for (size_t i = ShareBegin(blocks.size(), t, threads); i < ShareBegin(blocks.size(), t + 1, threads); ++i)
        scores[t] += (blocks[i].end - blocks[i].begin) * blocks[i].end / 2;
    }
    const auto [least, most] = std::ranges::minmax(scores);
    EXPECT_LT(most, least * 5 / 4) << threads;
  }
  SetThreadCount(before);
}

}  // namespace
}  // namespace tessera::kernels
