#include "tessera/text/merge_table.h"

#include <gtest/gtest.h>

#include <optional>

#include "tessera/core/random.h"

namespace tessera::text {
namespace {

// The definition: look for the lowest rank, leftmost, until there is none.
std::vector<int32_t> MergePlainly(const MergeTable& table, std::vector<int32_t> ids) {
  for (;;) {
    std::optional<size_t> best;
    MergeTable::Found lowest;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto found = table.Find(ids[i], ids[i + 1]);
      if (found.rank < lowest.rank) best = i, lowest = found;
    }
    if (!best) return ids;
    ids[*best] = lowest.merged;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(*best) + 1);
  }
}

TEST(MergeAll, AgreesWithTheDefinitionForEveryLengthAndTable) {
  Random random(11);
  for (int round = 0; round < 300; ++round) {
    std::vector<MergeTable::Merge> merges;
    const auto tokens = 3 + static_cast<int32_t>(random.Below(30));
    for (int32_t i = 0; i < 60; ++i) {
      const auto below = [&] { return static_cast<int32_t>(random.Below(static_cast<uint32_t>(tokens))); };
      merges.push_back({below(), below(), static_cast<uint32_t>(random.Below(20)), below()});  // equal ranks, cycles
    }
    const MergeTable table(merges);
    MergeScratch scratch;
    std::vector<int32_t> ids(random.Below(round % 2 ? 20 : 300));
    for (auto& id : ids) id = static_cast<int32_t>(random.Below(3));
    const auto expected = MergePlainly(table, ids);
    MergeAll(table, ids, scratch);
    EXPECT_EQ(ids, expected);
  }
}

TEST(MergeTable, ALaterPairReplacesAnEarlierOne) {
  const MergeTable::Merge merges[] = {{1, 2, 0, 5}, {1, 2, 7, 6}};
  const MergeTable table(merges);
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(table.Find(1, 2).merged, 6);
  EXPECT_EQ(table.Find(2, 1).rank, MergeTable::kNone);
}

}  // namespace
}  // namespace tessera::text
