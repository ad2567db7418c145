#include "tessera/kernels/cuda/work.h"

#include <algorithm>
#include <limits>

#include "tessera/core/error.h"
#include "tessera/kernels/attention_mask.h"

namespace tessera::kernels::cuda {
namespace {

int32_t Index(int64_t value) {
  Require(value >= 0 && value <= std::numeric_limits<int32_t>::max(),
          "attention: {} rows are more than a GPU's kernels count", value);
  return static_cast<int32_t>(value);
}

int64_t Tiles(int64_t rows, int64_t tile) { return (rows + tile - 1) / tile; }

void RequirePlain(const AttentionPattern& pattern) {
  Require(pattern.window == 0, "attention on the GPU: a sliding window of {} keys is not supported", pattern.window);
  for (const AttentionSequence& s : pattern.sequences) {
    Require(s.tree_parents.empty(), "attention on the GPU: trees of guesses are not supported");
    Require(s.query_count >= 0 && s.key_count >= 0, "attention: a sequence of {} queries and {} keys", s.query_count,
            s.key_count);
  }
}

// Calls body(sequence, its first query row, its first key row, its first sum tile).
template <typename Body>
void ForEachSequence(const AttentionPattern& pattern, int64_t tile_rows, Body body) {
  RequirePlain(pattern);
  int64_t q_row = 0, k_row = 0, sum_tile = 0;
  for (const AttentionSequence& s : pattern.sequences) {
    body(s, q_row, k_row, sum_tile);
    q_row += s.query_count, k_row += s.key_count, sum_tile += Tiles(s.query_count, tile_rows);
  }
  Index(q_row), Index(k_row);
}

}  // namespace

std::vector<QueryWork> ListQueryWork(const AttentionPattern& pattern, int tile_rows) {
  std::vector<QueryWork> list;
  ForEachSequence(pattern, tile_rows, [&](const AttentionSequence& s, int64_t q_row, int64_t k_row, int64_t sum_tile) {
    for (int64_t row = 0; row < s.query_count; row += tile_rows)
      list.push_back({.q_row = Index(q_row + row),
                      .q_rows = Index(std::min<int64_t>(tile_rows, s.query_count - row)),
                      .k_row = Index(k_row),
                      .k_count = Index(s.key_count),
                      .position = static_cast<int32_t>(s.key_count - s.query_count + row),
                      .sum_tile = Index(sum_tile + row / tile_rows)});
  });
  const auto keys = [&](const QueryWork& w) {
    return pattern.causal ? std::clamp(w.position + w.q_rows, 0, w.k_count) : w.k_count;
  };
  std::stable_sort(list.begin(), list.end(), [&](const auto& a, const auto& b) { return keys(a) > keys(b); });
  return list;
}

std::vector<KeyWork> ListKeyWork(const AttentionPattern& pattern, int tile_keys, int tile_rows) {
  std::vector<KeyWork> list;
  ForEachSequence(pattern, tile_rows, [&](const AttentionSequence& s, int64_t q_row, int64_t k_row, int64_t sum_tile) {
    for (int64_t key = 0; key < s.key_count; key += tile_keys)
      list.push_back({.k_row = Index(k_row),
                      .k_begin = Index(key),
                      .k_count = Index(s.key_count),
                      .q_row = Index(q_row),
                      .q_count = Index(s.query_count),
                      .position = static_cast<int32_t>(s.key_count - s.query_count),
                      .turn = Index(key / tile_keys),
                      .sum_tile = Index(sum_tile)});
  });
  const auto queries = [&](const KeyWork& w) {
    return pattern.causal ? w.q_count - std::clamp(w.k_begin - w.position, 0, w.q_count) : w.q_count;
  };
  // A later key tile of a sequence is seen by no more queries than an earlier one, so its tiles stay in order.
  std::stable_sort(list.begin(), list.end(), [&](const auto& a, const auto& b) { return queries(a) > queries(b); });
  return list;
}

PagedWork ListPagedWork(const AttentionPattern& pattern, int queries_per_key) {
  Require(queries_per_key >= 1 && queries_per_key <= 64,
          "attention on the GPU: {} query heads a key head; 1 to 64 are supported", queries_per_key);
  Require(pattern.causal, "attention on the GPU: keys in pages are for causal attention");
  PagedWork work;
  const int64_t tokens_at_once = 64 / queries_per_key;
  ForEachSequence(pattern, 1, [&](const AttentionSequence& s, int64_t q_row, int64_t, int64_t) {
    Require(static_cast<int64_t>(s.pages.size()) * 64 >= s.key_count, "attention: {} pages do not hold {} keys",
            s.pages.size(), s.key_count);
    const int32_t page = Index(static_cast<int64_t>(work.pages.size()));
    const int split = SplitKeys(s.key_count);
    for (int64_t token = 0; token < s.query_count; token += tokens_at_once) {
      const int64_t tokens = std::min(tokens_at_once, s.query_count - token);
      const int64_t position = s.key_count - s.query_count + token;
      const int32_t first = Index(static_cast<int64_t>(work.splits.size()));
      // Keys after the last of these tokens are nobody's.
      for (int64_t key = 0, end = std::clamp<int64_t>(position + tokens, 0, s.key_count); key < end; key += split)
        work.splits.push_back({.q_row = Index(q_row + token),
                               .tokens = Index(tokens),
                               .page = Index(page + key / 64),
                               .keys = Index(std::min<int64_t>(split, end - key)),
                               .position = static_cast<int32_t>(position - key)});
      work.combine.push_back(
          {first, Index(static_cast<int64_t>(work.splits.size()) - first), Index(q_row + token), Index(tokens)});
    }
    work.pages.insert(work.pages.end(), s.pages.begin(), s.pages.end());
  });
  return work;
}

SightWork ListSights(const AttentionPattern& pattern, bool paged) {
  SightWork work;
  int64_t first = 0;
  for (const AttentionSequence& s : pattern.sequences) {
    const AttentionMask mask(pattern, s);
    for (int64_t query = 0; query < s.query_count; ++query) {
      const KeyRange range = mask.Range(query);
      RowSight sight{.first = Index(first),
                     .begin = Index(range.begin),
                     .end = Index(range.end),
                     .prefix = Index(range.end),
                     .path = Index(std::ssize(work.paths))};
      if (mask.is_tree()) {
        sight.prefix = Index(mask.prefix());
        for (const int64_t key : mask.Path(query)) work.paths.push_back(Index(key));
      }
      work.rows.push_back(sight);
    }
    first += paged ? std::ssize(s.pages) : s.key_count;
  }
  return work;
}

int64_t SumTiles(const AttentionPattern& pattern, int tile_rows) {
  int64_t tiles = 0;
  for (const AttentionSequence& s : pattern.sequences) tiles += Tiles(s.query_count, tile_rows);
  return tiles;
}

int HeadsAtOnce(int heads, int64_t bytes_of_a_head, int64_t cache_bytes) {
  int at_once = heads;
  while (at_once > 1 && (heads % at_once != 0 || at_once * bytes_of_a_head > cache_bytes)) --at_once;
  return at_once;
}

int GradientHeadsAtOnce(const AttentionPattern& pattern, int kv_heads, int head_dim) {
  const int64_t chains = head_dim > 128 ? 4 : 8;
  int64_t all = 0, longest = 1;
  for (const AttentionSequence& s : pattern.sequences) all += s.key_count, longest = std::max(longest, s.key_count);
  return HeadsAtOnce(kv_heads, std::max<int64_t>(1, all / longest), chains);
}

}  // namespace tessera::kernels::cuda
