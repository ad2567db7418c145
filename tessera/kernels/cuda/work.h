#pragma once
// What each block of an attention kernel works on. The host lists the work of a pattern once; every layer and both
// passes use it. Plain numbers, the same on both sides.

#include <cstdint>
#include <vector>

#include "tessera/kernels/attention_pattern.h"

#ifdef __CUDACC__
#define TESSERA_BOTH __host__ __device__
#else
#define TESSERA_BOTH
#endif

namespace tessera::kernels::cuda {

// One tile of a sequence's queries. Row r of the tile sees the sequence's keys 0 … position + r if causal, else all.
struct QueryWork {
  int32_t q_row, q_rows;   // the tile's first row of q, and how many of its rows are the sequence's
  int32_t k_row, k_count;  // the sequence's first row of k, and its keys
  int32_t position;        // of the tile's first row among the keys
  int32_t sum_tile;        // index of this tile among those of dQ's sums
};

// One tile of a sequence's keys, for the gradients.
struct KeyWork {
  int32_t k_row, k_begin, k_count;  // the sequence's first row of k; the tile's first key in it; the sequence's keys
  int32_t q_row, q_count;           // the sequence's first row of q, and its queries
  int32_t position;                 // of the sequence's first query among its keys
  int32_t turn;                     // 0 for the sequence's first key tile, 1 for its second, …
  int32_t sum_tile;                 // index of its first query tile among those of dQ's sums
};

// A split of a sequence's keys for a few of its newest tokens, which are rows of one block.
struct SplitWork {
  int32_t q_row, tokens;  // the first token's row of q, and how many tokens
  int32_t page, keys;     // index of the split's first page in the list of pages; its keys
  int32_t position;       // of the first token among the split's keys: token t sees keys 0 … position + t
};
// The splits of the same tokens: `splits` items of work from `first` on.
struct CombineWork {
  int32_t first, splits, q_row, tokens;
};
struct PagedWork {
  std::vector<SplitWork> splits;
  std::vector<CombineWork> combine;
  std::vector<int32_t> pages;
};
// Keys of one split, whole pages: so few for a short sequence that many multiprocessors read it, so many for a long one
// that few parts are to be added. Of the sequence's length alone, so that its bits do not depend on its company.
inline int SplitKeys(int64_t key_count) { return key_count <= 1024 ? 64 : key_count <= 8192 ? 128 : 256; }

// What one query row sees: the positions begin … end - 1 of its sequence. Key `position` is at that place of the
// sequence; from `prefix` on, at place paths[path + position - prefix] (its ancestors in a tree).
struct RowSight {
  int32_t first;  // the sequence's first row of k; its first page in the list of pages, if keys lie in pages
  int32_t begin, end, prefix, path;
};
struct SightWork {
  std::vector<RowSight> rows;  // of all sequences, end to end
  std::vector<int32_t> paths;
};

// Blocks run over the work of `at_once` heads before the next ones', so that those heads' keys stay in the cache.
struct HeadOrder {
  int32_t heads, kv_heads, at_once;  // at_once divides the number of heads that blocks are made for

  struct Item {
    int item, head;
  };
  TESSERA_BOTH Item Split(int index, int work_count) const {
    const int group = index / (work_count * at_once), rest = index - group * work_count * at_once;
    return {rest / at_once, group * at_once + rest % at_once};
  }
  TESSERA_BOTH int KeyHead(int head) const { return head / (heads / kv_heads); }
  TESSERA_BOTH int QueriesPerKey() const { return heads / kv_heads; }
};

// The tiles of `tile_rows` queries of all sequences, those that see most keys first. Throws Error for a pattern with a
// window or a tree, or with more rows than an int32 counts.
std::vector<QueryWork> ListQueryWork(const AttentionPattern& pattern, int tile_rows);

// The tiles of `tile_keys` keys of all sequences, those that most queries see first, a sequence's in order; their
// `sum_tile` counts tiles of `tile_rows` queries.
std::vector<KeyWork> ListKeyWork(const AttentionPattern& pattern, int tile_keys, int tile_rows);

// The splits of a pattern whose sequences' keys lie in pages, for `queries_per_key` query heads a key head. Throws
// Error for a window, a tree, a pattern that is not causal, pages that do not hold all keys, or more than 64 query
// heads a key head.
PagedWork ListPagedWork(const AttentionPattern& pattern, int queries_per_key);

// The sights of all rows of a pattern of any kind; `paged` says what RowSight::first counts.
SightWork ListSights(const AttentionPattern& pattern, bool paged);

// How many tiles of `tile_rows` queries all sequences have.
int64_t SumTiles(const AttentionPattern& pattern, int tile_rows);

// The greatest divisor of `heads` whose heads' keys and values fit in `cache_bytes` together, or 1.
int HeadsAtOnce(int heads, int64_t bytes_of_a_head, int64_t cache_bytes);

// The same for gradients. Blocks that add to the same sums of dQ follow one another, and share the tiles of Q and dO
// that they read through the cache. With few such chains at a time each is long, and its blocks wait; with many the
// cache holds none of them. Measured best: 8 chains, 4 for heads wider than 128. Every long sequence is a chain for
// each head.
int GradientHeadsAtOnce(const AttentionPattern& pattern, int kv_heads, int head_dim);

}  // namespace tessera::kernels::cuda
