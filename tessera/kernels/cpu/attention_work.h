#pragma once
// How one call of attention is cut into pieces of work: blocks of query rows that share a key/value head. Nothing here
// changes a result: a row's arithmetic depends on its own keys alone, so blocks may have any size.

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "tessera/core/isa.h"
#include "tessera/core/loop_share.h"
#include "tessera/core/thread_pool.h"
#include "tessera/kernels/attention.h"
#include "tessera/kernels/attention_mask.h"
#include "tessera/kernels/kv_layout.h"

namespace tessera::kernels {

inline constexpr int64_t kTileKeys = kPageTokens;  // a tile of keys: positions 64 j … 64 j + 63 of a sequence
inline constexpr int64_t kSegmentKeys = 512;       // sums run over a segment of this many positions, then are merged

// Query rows begin … end - 1 of one sequence that use one key/value head; G = H / kv_heads query heads share it.
// Row r is query r / G and query head kv_head · G + r % G.
struct RowBlock {
  size_t sequence;
  int64_t kv_head, begin, end;
  size_t rows() const { return static_cast<size_t>(end - begin); }
};

class AttentionWork {
 public:
  struct Sequence {
    const AttentionSequence* sequence;
    AttentionMask mask;
    int64_t first_query, first_key;
  };

  // `pages` is null when the keys are plain tensors. All arguments outlive this object.
  AttentionWork(const AttentionOperands& operands, const AttentionSpec& spec_in, const KvPages* pages_in)
      : x(operands),
        spec(spec_in),
        pages(pages_in),
        heads(x.q.dim(1)),
        kv_heads(pages ? pages->format.kv_heads : x.k.dim(1)),
        group(heads / kv_heads),
        key_dim(static_cast<size_t>(x.q.dim(2))),
        value_dim(static_cast<size_t>(pages ? pages->format.value_dim : x.v.dim(2))) {
    int64_t queries = 0, keys = 0;
    for (const AttentionSequence& s : spec.pattern.sequences) {
      sequences.push_back({&s, AttentionMask(spec.pattern, s), queries, keys});
      queries += s.query_count, keys += s.key_count;
    }
    if (x.sinks) {
      const Tensor wide = x.sinks.Contiguous().To(DType::kF32);
      sinks.assign(wide.data<float>().begin(), wide.data<float>().end());
    }
  }

  const AttentionOperands& x;
  const AttentionSpec& spec;
  const KvPages* pages;
  int64_t heads, kv_heads, group;
  size_t key_dim, value_dim;
  std::vector<Sequence> sequences;
  std::vector<float> sinks;  // f32; empty if there are none

  size_t key_width() const { return (key_dim + 15) / 16 * 16; }  // rows in scratch are whole vectors
  size_t value_width() const { return (value_dim + 15) / 16 * 16; }

  int64_t QueryRow(const RowBlock& block, size_t r) const {
    return sequences[block.sequence].first_query + (block.begin + static_cast<int64_t>(r)) / group;
  }
  int64_t Head(const RowBlock& block, size_t r) const {
    return block.kv_head * group + (block.begin + static_cast<int64_t>(r)) % group;
  }
  // Index of row r's pair of query and head in a tensor [T, H, …].
  size_t Place(const RowBlock& block, size_t r) const {
    return static_cast<size_t>(QueryRow(block, r) * heads + Head(block, r));
  }

  // Keys that exist in tile t of a sequence.
  size_t KeysInTile(size_t sequence, int64_t t) const {
    return static_cast<size_t>(std::min(kTileKeys, sequences[sequence].sequence->key_count - t * kTileKeys));
  }

  // Whether the tiles are products of bf16 pairs, accumulated in f32: where keys and values are bf16 and the processor
  // has the instruction. q of f32 is rounded for pages of bf16, as the rows of a product are for a bf16 weight; beside
  // plain tensors it keeps its bits, since those are what training differentiates. Elsewhere products are of f32.
  bool Narrow() const {
    if (LiveIsa() != Isa::kAvx512Bf16) return false;
    if (pages == nullptr) return x.q.dtype() == DType::kBF16 && x.k.dtype() == DType::kBF16;
    return pages->format.dtype == DType::kBF16 && (x.q.dtype() == DType::kBF16 || x.q.dtype() == DType::kF32);
  }

  // Whether they are products of bytes with the codes of pages of q8_0. (Where values are the beginning of keys the
  // codes lie in rows, and become f32.)
  bool Bytes() const {
    return pages != nullptr && pages->format.dtype == DType::kQ8_0 && !pages->format.values_in_keys &&
           MultipliesBytes();
  }

  // The positions that each row of a block sees.
  std::vector<KeyRange> Ranges(const RowBlock& block) const {
    std::vector<KeyRange> ranges;
    for (int64_t row = block.begin; row < block.end; ++row)
      ranges.push_back(sequences[block.sequence].mask.Range(row / group));
    return ranges;
  }

  // False only if no row of the block sees a key of tile t. (A row's range grows with the row, trees aside.)
  bool MaySee(const RowBlock& block, int64_t t) const {
    const AttentionMask& mask = sequences[block.sequence].mask;
    const KeyRange first = mask.Range(block.begin / group), last = mask.Range((block.end - 1) / group);
    return mask.is_tree() || (first.begin < (t + 1) * kTileKeys && last.end > t * kTileKeys);
  }

  // The segments first … last - 1 that hold all keys of some rows; none if first == last.
  static std::pair<int64_t, int64_t> Segments(const std::vector<KeyRange>& ranges) {
    int64_t first = std::numeric_limits<int64_t>::max(), last = 0;
    for (const KeyRange& range : ranges) {
      if (range.begin >= range.end) continue;
      first = std::min(first, range.begin / kSegmentKeys);
      last = std::max(last, (range.end + kSegmentKeys - 1) / kSegmentKeys);
    }
    return {std::min(first, last), last};
  }

  // All rows, in blocks of at most `most` rows, in an order for a parallel loop over them: each thread's share of it
  // has blocks with many keys and with few, the former first, so that threads end together.
  std::vector<RowBlock> Blocks(int64_t most) const {
    std::vector<RowBlock> blocks;  // those with the most keys first
    for (size_t s = 0; s < sequences.size(); ++s) {
      const int64_t rows = sequences[s].sequence->query_count * group;
      for (int64_t end = rows; end > 0; end = std::max<int64_t>(0, end - most)) {
        for (int64_t g = 0; g < kv_heads; ++g) blocks.push_back({s, g, std::max<int64_t>(0, end - most), end});
      }
    }
    return Dealt(blocks, static_cast<size_t>(ThreadCount()));
  }

 private:
  // Dealt out one by one to the shares that threads have of a loop, which lie one after the other.
  static std::vector<RowBlock> Dealt(const std::vector<RowBlock>& blocks, size_t threads) {
    std::vector<RowBlock> dealt(blocks.size());
    std::vector<size_t> places;  // the next one of each share that is not full
    for (size_t t = 0; t < threads; ++t) places.push_back(ShareBegin(blocks.size(), t, threads));
    size_t t = 0;
    for (const RowBlock& block : blocks) {
      while (places[t] == ShareBegin(blocks.size(), t + 1, threads)) t = (t + 1) % threads;
      dealt[places[t]++] = block;
      t = (t + 1) % threads;
    }
    return dealt;
  }
};

}  // namespace tessera::kernels
