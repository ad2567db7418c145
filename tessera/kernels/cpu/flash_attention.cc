// FlashAttention on the CPU, forward and in pages (Dao et al. 2022, algorithm 1; the saved log-sum-exp as in
// FlashAttention-2). `flash_attention_derivatives.cc` has the rest.
//
//   paper    here    shape      meaning
//   Q O      q o     [R, D]     a block of rows that share a key/value head: some queries times the heads of a group
//   K V      kt v    [D, 64]    a tile of keys, transposed, and [64, Dv] of values
//   S        s       [6, 64]    scale · Q Kᵀ, masked; becomes P in place
//   m, l     m l     [R]        running row maximum, running row sum of exp(S - m)
//   L        lse     [T, H]     m + ln l
//
// A row's sum runs over positions in order: tiles of 64 inside segments of 512, each segment starting anew, then
// the segments are merged from first to last. Tiles and segments start at multiples of their size, and the keys that a
// mask hides are not read. So the bits of a row are a function of its own keys, in order of position, and of nothing
// else; a decoding step may give each segment to another thread, and a path of a tree equals a plain run.
#include "tessera/kernels/attention.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tessera/kernels/cpu/flash_attention.cc"
#include "tessera/kernels/cpu/targets.h"
// clang-format off
#include <hwy/foreach_target.h>
#include "tessera/kernels/cpu/key_tiles-inl.h"
// clang-format on

#include <cmath>

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/cpu/attention_work.h"

#ifndef TESSERA_KERNELS_CPU_FLASH_ATTENTION_PARTIAL
#define TESSERA_KERNELS_CPU_FLASH_ATTENTION_PARTIAL
namespace tessera::kernels {
// m, l and unscaled o of each row of a block over some keys.
struct PartialRows {
  float *m, *l, *o;  // [R], [R], [R, Dv']
};
}  // namespace tessera::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {

class ForwardBlock {
 public:
  ForwardBlock(const AttentionWork& work, const RowBlock& block, const KeyRange* ranges)
      : work_(work),
        block_(block),
        ranges_(ranges),
        mask_(work.sequences[block.sequence].mask),
        tiles_(work, block.sequence, block.kv_head),
        q_(NewBuffer(block.rows() * work.key_width())),
        kt_(NewBuffer(work.key_width() * kTile)),
        v_(NewBuffer(work.value_width() * kTile)),
        sums_(NewBuffer(block.rows() * kLanes)) {
    const Tile<float> q = Queries();
    for (size_t r = 0; r < block.rows(); ++r)
      HeadRows(work.x.q, work.QueryRow(block, r), work.Head(block, r)).Load(0, q.Rows(r, 1));
  }

  // The partial result of one segment, written to `out`. Rows that see none of its keys are left alone by Merge.
  void Segment(int64_t segment, const PartialRows& out) {
    const size_t rows = block_.rows(), width = work_.value_width();
    for (size_t r = 0; r < rows; ++r) out.m[r] = -kInfinity;
    Clear(sums_.get(), rows * kLanes);
    Clear(out.o, rows * width);
    int64_t begin = (segment + 1) * kSegmentKeys, end = 0;
    for (size_t r = 0; r < rows; ++r) {
      if (ranges_[r].begin < begin && ranges_[r].begin < ranges_[r].end) begin = ranges_[r].begin;
      if (ranges_[r].end > end) end = ranges_[r].end;
    }
    if (begin < segment * kSegmentKeys) begin = segment * kSegmentKeys;
    if (end > (segment + 1) * kSegmentKeys) end = (segment + 1) * kSegmentKeys;
    for (int64_t t = begin / kTileKeys; t * kTileKeys < end; ++t) {
      if (mask_.is_tree() && (t + 1) * kTileKeys > mask_.prefix())
        TreeTile(t, out);
      else
        PlainTile(t, out);
    }
    for (size_t r = 0; r < rows; ++r) out.l[r] = SumLanes(sums_.get() + r * kLanes);
  }

 private:
  Tile<float> Queries() const { return {q_.get(), block_.rows(), work_.key_width(), work_.key_width()}; }
  Tile<float> Outputs(const PartialRows& out) const {
    return {out.o, block_.rows(), work_.value_width(), work_.value_width()};
  }

  void PlainTile(int64_t t, const PartialRows& out) {
    const KeyTiles::View tile = tiles_.Load(t, kt_.get(), v_.get());
    HWY_ALIGN float s_data[kRowGroup * kTile];
    for (size_t r0 = 0; r0 < block_.rows(); r0 += kRowGroup) {
      const size_t n = block_.rows() - r0 < kRowGroup ? block_.rows() - r0 : kRowGroup;
      size_t lo[kRowGroup], hi[kRowGroup], most = 0;
      for (size_t r = 0; r < n; ++r) {
        Clip(ranges_[r0 + r], t, lo[r], hi[r]);
        if (lo[r] < hi[r] && hi[r] > most) most = hi[r];
      }
      if (most == 0) continue;
      const Tile<float> s{s_data, n, kTile, kTile};
      const size_t columns = (most + kColumnStep - 1) / kColumnStep * kColumnStep;
      Mul(Queries().Rows(r0, n).Cols(0, work_.key_dim), tile.kt.Cols(0, columns), s.Cols(0, columns));
      for (size_t r = 0; r < n; ++r) {
        if (lo[r] < hi[r]) Softmax(r0 + r, s.Row(r), columns, lo[r], hi[r], out);
      }
      MulAddRanges(s, lo, hi, tile.v, Outputs(out).Rows(r0, n));  // O' += P Vj
    }
  }

  // m' = max(m, rowmax S);  P = exp(S - m');  l' = e^(m-m') l + rowsum P;  O' = e^(m-m') O.  `row` is of the block.
  void Softmax(size_t row, float* s, size_t columns, size_t lo, size_t hi, const PartialRows& out) {
    const float cap = work_.spec.softcap;
    const float most = cap > 0 ? ScaleAndMask<true>(s, columns, lo, hi, work_.spec.scale, cap)
                               : ScaleAndMask<false>(s, columns, lo, hi, work_.spec.scale, cap);
    if (most > out.m[row]) {
      if (out.m[row] > -kInfinity) {
        const float shrink = std::exp(out.m[row] - most);
        for (size_t lane = 0; lane < kLanes; ++lane) sums_[row * kLanes + lane] *= shrink;
        ScaleRow(shrink, out.o + row * work_.value_width(), work_.value_width());
      }
      out.m[row] = most;
    }
    const float shift = out.m[row] == -kInfinity ? 0 : out.m[row];  // scores of -inf have weight 0
    ExpMinus(shift, s, columns, sums_.get() + row * kLanes);
  }

  // A tile of positions at or beyond a tree's root: each row has its own keys there. All scores of the tail are
  // computed once where the keys lie; a row then picks those on its path, in the order of their positions.
  void TreeTile(int64_t t, const PartialRows& out) {
    if (!tail_scores_) LoadTail();
    HWY_ALIGN float s[kTile];
    int64_t index[kTile];  // of a position's key, from the tail's first
    for (size_t r = 0; r < block_.rows(); ++r) {
      size_t lo, hi;
      Clip(ranges_[r], t, lo, hi);
      if (lo >= hi) continue;
      const int64_t* path = paths_[r].data();
      Clear(s, kTile);
      for (size_t j = lo; j < hi; ++j) {
        const int64_t position = t * kTileKeys + static_cast<int64_t>(j);
        index[j] = (position < mask_.prefix() ? position : path[position - mask_.prefix()]) - tail_begin_ * kTileKeys;
        s[j] = tail_scores_[r * tail_keys_ + static_cast<size_t>(index[j])];
      }
      Softmax(r, s, kTile, lo, hi, out);
      MulAddPicked(s + lo, index + lo, hi - lo, {tail_v_.get(), tail_keys_, work_.value_width(), work_.value_width()},
                   out.o + r * work_.value_width());
    }
  }

  void LoadTail() {
    const AttentionSequence& sequence = *work_.sequences[block_.sequence].sequence;
    tail_begin_ = mask_.prefix() / kTileKeys;
    const size_t count = static_cast<size_t>((sequence.key_count + kTileKeys - 1) / kTileKeys - tail_begin_);
    const size_t width = work_.value_width();
    tail_keys_ = count * kTile;
    tail_scores_ = NewBuffer(block_.rows() * tail_keys_);
    tail_v_ = NewBuffer(tail_keys_ * width);
    for (size_t i = 0; i < count; ++i) {
      float* v = tail_v_.get() + i * kTile * width;
      const KeyTiles::View tile = tiles_.Load(tail_begin_ + static_cast<int64_t>(i), kt_.get(), v);
      if (tile.v.data != v) std::memcpy(v, tile.v.data, kTile * width * sizeof(float));
      Mul(Queries().Cols(0, work_.key_dim), tile.kt,
          {tail_scores_.get() + i * kTile, block_.rows(), kTile, tail_keys_});
    }
    paths_.resize(block_.rows());
    for (size_t r = 0; r < block_.rows(); ++r)
      paths_[r] = mask_.Path((block_.begin + static_cast<int64_t>(r)) / work_.group);
  }

  static void Clip(const KeyRange& range, int64_t t, size_t& lo, size_t& hi) {
    const int64_t first = t * kTileKeys, last = first + kTileKeys;
    lo = range.begin <= first ? 0 : range.begin >= last ? kTile : static_cast<size_t>(range.begin - first);
    hi = range.end >= last ? kTile : range.end <= first ? 0 : static_cast<size_t>(range.end - first);
  }

  const AttentionWork& work_;
  const RowBlock& block_;
  const KeyRange* ranges_;
  const AttentionMask& mask_;
  KeyTiles tiles_;
  Buffer q_, kt_, v_, sums_;  // sums_ [R, lanes]: l, still in lanes
  Buffer tail_scores_, tail_v_;
  int64_t tail_begin_ = 0;
  size_t tail_keys_ = 0;
  std::vector<std::vector<int64_t>> paths_;
};

}  // namespace

// Segments first … last - 1 of a block, partial(segment) being where each goes; calls done(segment) after each.
void ForwardSegments(const AttentionWork& work, const RowBlock& block, const KeyRange* ranges, int64_t first,
                     int64_t last, const std::function<PartialRows(int64_t)>& partial,
                     const std::function<void(int64_t)>& done) {
  ForwardBlock forward(work, block, ranges);
  for (int64_t segment = first; segment < last; ++segment) {
    forward.Segment(segment, partial(segment));
    done(segment);
  }
}

// Adds one segment's partial result to the total of the segments before it, for the rows that see any of its keys.
void MergeSegment(const AttentionWork& work, const RowBlock& block, const KeyRange* ranges, int64_t segment,
                  const PartialRows& partial, const PartialRows& total) {
  const size_t width = work.value_width();
  for (size_t r = 0; r < block.rows(); ++r) {
    if (ranges[r].begin >= ranges[r].end || ranges[r].begin >= (segment + 1) * kSegmentKeys ||
        ranges[r].end <= segment * kSegmentKeys)
      continue;
    float* o = total.o + r * width;
    if (ranges[r].begin / kSegmentKeys == segment) {  // the row's first
      total.m[r] = partial.m[r], total.l[r] = partial.l[r];
      std::memcpy(o, partial.o + r * width, width * sizeof(float));
      continue;
    }
    const float m = total.m[r] > partial.m[r] ? total.m[r] : partial.m[r];
    const float shift = m == -kInfinity ? 0 : m;
    const float a = std::exp(total.m[r] - shift), b = std::exp(partial.m[r] - shift);
    total.l[r] = a * total.l[r] + b * partial.l[r];
    MixRows(a, o, b, partial.o + r * width, width);
    total.m[r] = m;
  }
}

// O = O' / l and L = m + ln l, after the sink took its share.
void FinishRows(const AttentionWork& work, const RowBlock& block, const KeyRange* ranges, const PartialRows& total,
                const AttentionResult& result) {
  Tensor o = result.o, lse = result.lse;
  const size_t width = work.value_width();
  for (size_t r = 0; r < block.rows(); ++r) {
    const size_t place = work.Place(block, r);
    float* row = total.o + r * width;
    float m = total.m[r], l = total.l[r], factor = 1;
    if (ranges[r].begin >= ranges[r].end) {
      Clear(row, width);
      lse.mutable_data<float>()[place] = kInfinity;
    } else {
      if (!work.sinks.empty()) {
        const float sink = work.sinks[static_cast<size_t>(work.Head(block, r))];
        const float most = sink > m ? sink : m;
        factor = std::exp(m - most);
        l = l * factor + std::exp(sink - most);
        m = most;
      }
      ScaleRow(factor / l, row, width);
      lse.mutable_data<float>()[place] = m + std::log(l);
    }
    StoreRow(row, o.dtype(), o.mutable_raw() + BytesFor(o.dtype(), static_cast<int64_t>(place * work.value_dim)),
             work.value_dim);
  }
}

}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {
namespace {

HWY_EXPORT(ForwardSegments);
HWY_EXPORT(MergeSegment);
HWY_EXPORT(FinishRows);

// A block of 192 rows reads each tile of keys from the second-level cache 32 times for once from memory.
constexpr int64_t kMostRows = 192, kFewRows = 16;

struct PartialStorage {
  std::vector<float> values;
  PartialRows rows;
  explicit PartialStorage(const AttentionWork& work, const RowBlock& block)
      : values(block.rows() * (work.value_width() + 2)),
        rows{values.data(), values.data() + block.rows(), values.data() + 2 * block.rows()} {}
};

void ForwardWhole(const AttentionWork& work, const RowBlock& block, const AttentionResult& result) {
  const std::vector<KeyRange> ranges = work.Ranges(block);
  const auto [first, last] = work.Segments(ranges);
  PartialStorage total(work, block), partial(work, block);
  TESSERA_DISPATCH(ForwardSegments)
  (
      work, block, ranges.data(), first, last, [&](int64_t) { return partial.rows; },
      [&](int64_t segment) {
        TESSERA_DISPATCH(MergeSegment)(work, block, ranges.data(), segment, partial.rows, total.rows);
      });
  TESSERA_DISPATCH(FinishRows)(work, block, ranges.data(), total.rows, result);
}

// Few rows and many keys: every segment is a piece of work of its own.
void ForwardBySegments(const AttentionWork& work, const std::vector<RowBlock>& blocks, const AttentionResult& result) {
  struct Piece {
    size_t block;
    int64_t segment;
    PartialStorage partial;
  };
  std::vector<std::vector<KeyRange>> ranges;
  std::vector<Piece> pieces;
  for (size_t b = 0; b < blocks.size(); ++b) {
    ranges.push_back(work.Ranges(blocks[b]));
    const auto [first, last] = work.Segments(ranges[b]);
    for (int64_t segment = first; segment < last; ++segment)
      pieces.push_back({b, segment, PartialStorage(work, blocks[b])});
  }
  ParallelFor(static_cast<int64_t>(pieces.size()), [&](int64_t i) {
    const Piece& piece = pieces[static_cast<size_t>(i)];
    TESSERA_DISPATCH(ForwardSegments)
    (
        work, blocks[piece.block], ranges[piece.block].data(), piece.segment, piece.segment + 1,
        [&](int64_t) { return piece.partial.rows; }, [](int64_t) {});
  });
  size_t next = 0;
  for (size_t b = 0; b < blocks.size(); ++b) {
    PartialStorage total(work, blocks[b]);
    for (; next < pieces.size() && pieces[next].block == b; ++next) {
      TESSERA_DISPATCH(MergeSegment)
      (work, blocks[b], ranges[b].data(), pieces[next].segment, pieces[next].partial.rows, total.rows);
    }
    TESSERA_DISPATCH(FinishRows)(work, blocks[b], ranges[b].data(), total.rows, result);
  }
}

AttentionResult Forward(const AttentionOperands& x, const AttentionSpec& spec, const KvPages* pages) {
  const AttentionWork work(x, spec, pages);
  const AttentionResult result{
      Tensor::Empty({x.q.dim(0), x.q.dim(1), static_cast<int64_t>(work.value_dim)}, x.q.dtype()),
      Tensor::Empty({x.q.dim(0), x.q.dim(1)})};
  const int64_t threads = ThreadCount(), rows = x.q.dim(0) * x.q.dim(1);
  const std::vector<RowBlock> blocks = work.Blocks(std::clamp(rows / (4 * threads), kFewRows, kMostRows));
  int64_t most_rows = 0;
  for (const RowBlock& block : blocks) most_rows = std::max<int64_t>(most_rows, block.end - block.begin);
  if (static_cast<int64_t>(blocks.size()) < 2 * threads && most_rows <= kFewRows && threads > 1) {
    ForwardBySegments(work, blocks, result);
  } else {
    ParallelFor(static_cast<int64_t>(blocks.size()),
                [&](int64_t i) { ForwardWhole(work, blocks[static_cast<size_t>(i)], result); });
  }
  return result;
}

}  // namespace

AttentionResult Attention(const AttentionOperands& x, const AttentionSpec& spec) {
  return x.q.dtype() == DType::kF64 ? reference::Attention(x, spec) : Forward(x, spec, nullptr);
}

AttentionResult AttentionPaged(const AttentionOperands& x, const KvPages& pages, const AttentionSpec& spec) {
  return x.q.dtype() == DType::kF64 ? reference::AttentionPaged(x, pages, spec) : Forward(x, spec, &pages);
}

}  // namespace tessera::kernels
#endif  // HWY_ONCE
