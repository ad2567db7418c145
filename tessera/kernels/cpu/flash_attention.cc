// FlashAttention on the CPU, forward and in pages (Dao et al. 2022, algorithm 1; the saved log-sum-exp as in
// FlashAttention-2). `flash_attention_vjp.cc` and `flash_attention_jvp.cc` have the derivatives.
//
//   paper    here    shape      meaning
//   Q O      q o     [R, D]     a block of rows that share a key/value head: some queries times the heads of a group
//   K V      kt v    [D, 64]    a tile of keys, transposed, and [64, Dv] of values
//   S        s       [6, 64]    Q Kᵀ of some rows
//   P        p       [R, 64]    exp(scale · S - m), 0 where masked
//   m, l     m l     [R]        a reference near the running row maximum (to base 2), running row sum of P
//   L        lse     [T, H]     m ln 2 + ln l
//
// T is float; or BFloat16 where all operands are: then q, k, v and P are pairs of bf16, and every sum is f32; or int8_t
// for the codes of q8_0 pages: then q and P are bytes two by two, and sums are integers for 32 numbers each.
//
// A row's sum runs over positions in order: tiles of 64 inside segments of 512, each segment starting anew, then
// the segments are merged from first to last. Tiles and segments start at multiples of their size, and what a mask
// hides is added as an exact 0. So the bits of a row are a function of its own keys, in order of position, and of
// nothing else; a decoding step may give each segment to another thread, and a path of a tree equals a plain run.
#include "tessera/kernels/attention.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tessera/kernels/cpu/flash_attention.cc"
#include "tessera/kernels/cpu/targets.h"
// clang-format off
#include <hwy/foreach_target.h>
#include "tessera/kernels/cpu/block_operands-inl.h"
#include "tessera/kernels/cpu/partial_rows-inl.h"
// clang-format on

#include <cmath>
#include <functional>
#include <memory>
#include <optional>

#include "tessera/core/storage.h"
#include "tessera/core/thread_pool.h"
#include "tessera/kernels/cpu/attention_work.h"

TESSERA_BEFORE_TILES();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {

template <typename T>
class ForwardBlock {
 public:
  ForwardBlock(const AttentionWork& work, const RowBlock& block, const KeyRange* ranges)
      : work_(work),
        block_(block),
        ranges_(ranges),
        mask_(work.sequences[block.sequence].mask),
        tiles_(work, block.sequence, block.kv_head),
        queries_(work, block),
        p_(NewBuffer<Weight>(block.rows() * kTile)),
        sums_(NewBuffer<float>(block.rows() * kLanes)) {
    for (size_t r = 0; r < block.rows(); ++r) {
      all_see_.begin = std::max(all_see_.begin, ranges[r].begin), all_see_.end = std::min(all_see_.end, ranges[r].end);
    }
  }

  // The partial result of one segment, written to `out`. Rows that see none of its keys are left alone by Merge.
  void Segment(int64_t segment, const PartialRows& out) {
    const size_t rows = block_.rows();
    for (size_t r = 0; r < rows; ++r) out.m[r] = -kInfinity;
    Clear(sums_.get(), rows * kLanes);
    Clear(out.o, rows * work_.value_width());
    const auto [first, last] = TilesOf(segment);
    for (int64_t t = first; t < last; ++t) {
      if (mask_.is_tree() && (t + 1) * kTileKeys > mask_.prefix())
        TreeTile(t, out);
      else
        PlainTile(t, out);
    }
    for (size_t r = 0; r < rows; ++r) out.l[r] = SumLanes(sums_.get() + r * kLanes);
  }

 private:
  using Weight = WeightOf<T>;
  using View = typename KeyTiles<T>::View;

  Tile<const Weight> Weights(size_t r, size_t n) const { return Tile<const Weight>(Weights()).Rows(r, n); }
  Tile<Weight> Weights() const { return {p_.get(), block_.rows(), kTile, kTile}; }
  Tile<float> Outputs(const PartialRows& out) const {
    return {out.o, block_.rows(), work_.value_width(), work_.value_width()};
  }

  // The tiles first … last - 1 of a segment that hold all its keys of some row.
  std::pair<int64_t, int64_t> TilesOf(int64_t segment) const {
    int64_t begin = (segment + 1) * kSegmentKeys, end = 0;
    for (size_t r = 0; r < block_.rows(); ++r) {
      if (ranges_[r].begin < begin && ranges_[r].begin < ranges_[r].end) begin = ranges_[r].begin;
      if (ranges_[r].end > end) end = ranges_[r].end;
    }
    if (begin < segment * kSegmentKeys) begin = segment * kSegmentKeys;
    if (end > (segment + 1) * kSegmentKeys) end = (segment + 1) * kSegmentKeys;
    return {begin / kTileKeys, (end + kTileKeys - 1) / kTileKeys};
  }

  // The places lo … hi - 1 of a tile that a row sees.
  struct Span {
    size_t lo, hi;
    bool empty() const { return lo >= hi; }
    bool whole() const { return lo == 0 && hi == kTile; }
  };
  Span Seen(size_t row, int64_t t) const {
    const KeyRange& range = ranges_[row];
    const int64_t first = t * kTileKeys, last = first + kTileKeys;
    return {range.begin <= first  ? 0
            : range.begin >= last ? kTile
                                  : static_cast<size_t>(range.begin - first),
            range.end >= last    ? kTile
            : range.end <= first ? 0
                                 : static_cast<size_t>(range.end - first)};
  }

  static constexpr size_t kFewGroups = 4;  // of rows, beyond which packing a tile's values costs little

  // All scores of the tile while its keys are in the first-level cache, then all sums while its values are.
  void PlainTile(int64_t t, const PartialRows& out) {
    const bool whole = all_see_.begin <= t * kTileKeys && all_see_.end >= (t + 1) * kTileKeys;
    if constexpr (!kIsBytes<T>) {
      if (whole && block_.rows() <= kRowGroup && tiles_.CanStayStored())
        return tiles_.WithStored(t, [&](const auto& kt, const auto& v) { WholeTile(t, kt, v, out); });
    }
#if HWY_TARGET == HWY_AVX3
    if constexpr (std::is_same_v<T, BFloat16>) {
      if (whole && block_.rows() <= kFewGroups * kRowGroup && tiles_.HasValueRows())
        return tiles_.WithValueRows(t, [&](const auto& kt, const auto& v) { WholeTile(t, kt, v, out); });
    }
#endif
    const View tile = tiles_.Load(t);
    if (whole) {
      WholeTile(t, tile.kt, tile.v, out);
    } else {
      for (size_t begin = 0, end; begin < block_.rows(); begin = end + 1) {
        for (end = begin; end < block_.rows() && !Seen(end, t).empty();) ++end;
        PartOfTile(t, tile, begin, end, out);
      }
    }
  }

  template <class Keys, class Values>
  void WholeTile(int64_t t, const Keys& kt, const Values& v, const PartialRows& out) {
    for (size_t r = 0; r < block_.rows(); r += kRowGroup) {
      Scores(r, GroupAt(r, block_.rows()), kt, nullptr, out);
      if constexpr (!requires { kt.ahead; }) tiles_.Prefetch(t + 1, r / kRowGroup);
    }
    AddWeighted(Weights(0, block_.rows()), v, Outputs(out), true);  // O' += P Vj
  }

  // Of rows begin … end - 1, which all see some of the tile.
  void PartOfTile(int64_t t, const View& tile, size_t begin, size_t end, const PartialRows& out) {
    int finite = kIsBytes<T> ? 1 : -1;  // whether the values are: not known yet; codes are
    for (size_t r0 = begin; r0 < end; r0 += kRowGroup) {
      const size_t n = GroupAt(r0, end);
      Span seen[kRowGroup];
      size_t depth = 0;
      for (size_t r = 0; r < n; ++r) seen[r] = Seen(r0 + r, t), depth = std::max(depth, seen[r].hi);
      depth = RoundUp(depth, kPerWord<T>);
      Scores(r0, n, tile.kt.Cols(RoundUp(depth, kColumnStep)), seen, out);
      const auto hides = [depth](const Span& row) { return row.lo > 0 || row.hi < depth; };
      if constexpr (!kIsBytes<T>) {
        if (finite < 0 && std::any_of(seen, seen + n, hides)) finite = Finite(tile.v.Cols(work_.value_dim));
      }
      if (finite != 0) AddWeighted(Weights(r0, n), tile.v.Depth(depth), Outputs(out).Rows(r0, n), r0 == 0);
      for (size_t r = 0; r < n && finite == 0; ++r)
        AddPicked(
            r0 + r, seen[r], [&](size_t j) { return std::pair(tile.v, j); }, out);
    }
  }

  static size_t RoundUp(size_t n, size_t step) { return (n + step - 1) / step * step; }
  static size_t GroupAt(size_t r, size_t end) { return end - r < kRowGroup ? end - r : kRowGroup; }

  // P of n rows, from S = Q Kjᵀ. Without `seen` they see the whole tile.
  template <class Keys>
  void Scores(size_t r0, size_t n, const Keys& kt, const Span* seen, const PartialRows& out) {
    HWY_ALIGN float s_data[kRowGroup * kTile];
    const Tile<float> s{s_data, n, kTile, kTile};
    queries_.Scores(r0, kt, s);
    if (seen == nullptr && !(work_.spec.softcap > 0)) return WholeRows(r0, s, out);
    for (size_t r = 0; r < n; ++r) Softmax(r0 + r, s.Row(r), seen ? seen[r] : Span{0, kTile}, out);
  }

  // Softmax of rows that see the whole tile and have no cap.
  void WholeRows(size_t r0, Tile<float> s, const PartialRows& out) {
    const float factor = work_.spec.scale * kLog2E;
    for (size_t r = 0; r < s.rows;) {
      const size_t row = r0 + r, left = s.rows - r;
      const size_t settled =
          SettledRows(s.Row(r), left, factor, out.m + row, sums_.get() + row * kLanes, Weights().Row(row));
      r += settled;
      if (settled > 0 || StartRows(s.Row(r), left, factor, out.m + row) > 0) continue;
      Softmax(row, s.Row(r), {0, kTile}, out);
      ++r;
    }
  }

  // m' = max(m, rowmax S);  P = exp(S - m');  l' = e^(m-m') l + rowsum P;  O' = e^(m-m') O.  `row` is of the block.
  void Softmax(size_t row, float* s, Span seen, const PartialRows& out) {
    const float cap = work_.spec.softcap, factor = (cap > 0 ? 1 : work_.spec.scale) * kLog2E;
    const RowState state{out.m[row], sums_.get() + row * kLanes};
    Weight* p = Weights().Row(row);
    if (cap > 0) CapRow(s, kTile, work_.spec.scale, cap);
    const float shrink = seen.whole() ? OnlineSoftmax<Weight, true>(s, seen.lo, seen.hi, factor, state, p)
                                      : OnlineSoftmax<Weight, false>(s, seen.lo, seen.hi, factor, state, p);
    if (shrink != 1) ScaleRow(shrink, Outputs(out).Row(row), work_.value_width());
  }

  // O' += P V for one row whose value of place j is the row `from(j).second` of the tile `from(j).first`. What it does
  // not see is cleared, so that NaN there changes nothing: the same sum as AddWeighted's.
  template <class From>
  void AddPicked(size_t row, Span seen, const From& from, const PartialRows& out) {
    if (!picked_) picked_.emplace(work_.value_width());
    for (size_t j = 0; j < kTile; ++j) {
      if (j < seen.lo || j >= seen.hi) {
        picked_->ClearRow(j);
      } else {
        const auto place = from(j);
        picked_->CopyRow(place.first, place.second, j);
      }
    }
    AddWeighted(Weights(row, 1), picked_->view(), Outputs(out).Rows(row, 1), false);
  }

  // A tile of positions at or beyond a tree's root: each row has its own keys there. All scores of the tail are
  // computed once where the keys lie; a row then picks those on its path, in the order of their positions.
  void TreeTile(int64_t t, const PartialRows& out) {
    if (!tail_scores_) LoadTail();
    HWY_ALIGN float s[kTile];
    int64_t index[kTile];  // of a position's key, from the tail's first
    for (size_t r = 0; r < block_.rows(); ++r) {
      const Span seen = Seen(r, t);
      if (seen.empty()) continue;
      const int64_t* path = paths_[r].data();
      Clear(s, kTile);
      for (size_t j = seen.lo; j < seen.hi; ++j) {
        const int64_t position = t * kTileKeys + static_cast<int64_t>(j);
        index[j] = (position < mask_.prefix() ? position : path[position - mask_.prefix()]) - tail_begin_ * kTileKeys;
        s[j] = tail_scores_[r * tail_keys_ + static_cast<size_t>(index[j])];
      }
      Softmax(r, s, seen, out);
      AddPicked(
          r, seen,
          [&](size_t j) {
            const auto place = static_cast<size_t>(index[j]);
            return std::pair(tail_values_[place / kTile].view(), place % kTile);
          },
          out);
    }
  }

  void LoadTail() {
    const AttentionSequence& sequence = *work_.sequences[block_.sequence].sequence;
    tail_begin_ = mask_.prefix() / kTileKeys;
    const size_t count = static_cast<size_t>((sequence.key_count + kTileKeys - 1) / kTileKeys - tail_begin_);
    tail_keys_ = count * kTile;
    tail_scores_ = NewBuffer<float>(block_.rows() * tail_keys_);
    for (size_t i = 0; i < count; ++i) {
      const View tile = tiles_.Load(tail_begin_ + static_cast<int64_t>(i));
      tail_values_.emplace_back(work_.value_width()).Copy(tile.v);
      queries_.Scores(0, tile.kt, {tail_scores_.get() + i * kTile, block_.rows(), kTile, tail_keys_});
    }
    paths_.resize(block_.rows());
    for (size_t r = 0; r < block_.rows(); ++r)
      paths_[r] = mask_.Path((block_.begin + static_cast<int64_t>(r)) / work_.group);
  }

  const AttentionWork& work_;
  const RowBlock& block_;
  const KeyRange* ranges_;
  KeyRange all_see_{0, std::numeric_limits<int64_t>::max()};
  const AttentionMask& mask_;
  KeyTiles<T> tiles_;
  BlockQueries<T> queries_;
  Buffer<Weight> p_;
  Buffer<float> sums_;  // [R, lanes]: l, still in lanes
  std::optional<OwnValues<T>> picked_;
  std::vector<OwnValues<T>> tail_values_;
  Buffer<float> tail_scores_;
  int64_t tail_begin_ = 0;
  size_t tail_keys_ = 0;
  std::vector<std::vector<int64_t>> paths_;
};

template <typename T>
void ForwardSegmentsOf(const AttentionWork& work, const RowBlock& block, const KeyRange* ranges, int64_t first,
                       int64_t last, const std::function<PartialRows(int64_t)>& partial,
                       const std::function<void(int64_t)>& done) {
  ForwardBlock<T> forward(work, block, ranges);
  for (int64_t segment = first; segment < last; ++segment) {
    forward.Segment(segment, partial(segment));
    done(segment);
  }
}

}  // namespace

// Segments first … last - 1 of a block, partial(segment) being where each goes; calls done(segment) after each.
void ForwardSegments(const AttentionWork& work, const RowBlock& block, const KeyRange* ranges, int64_t first,
                     int64_t last, const std::function<PartialRows(int64_t)>& partial,
                     const std::function<void(int64_t)>& done) {
  if constexpr (kHasBf16Products) {
    if (work.Narrow()) return ForwardSegmentsOf<BFloat16>(work, block, ranges, first, last, partial, done);
    if (work.Bytes()) return ForwardSegmentsOf<int8_t>(work, block, ranges, first, last, partial, done);
  }
  ForwardSegmentsOf<float>(work, block, ranges, first, last, partial, done);
}

}  // namespace tessera::kernels::HWY_NAMESPACE
TESSERA_AFTER_TILES();

#if HWY_ONCE
namespace tessera::kernels {
namespace {

HWY_EXPORT(ForwardSegments);
HWY_EXPORT(MergeSegment);
HWY_EXPORT(FinishRows);

// A tile of keys is packed once for a block. The more rows a block has, the less that costs, as long as their q, P and
// o stay in a second-level cache of 1 MB.
constexpr int64_t kBlockBytes = int64_t{512} << 10, kMostRows = 768, kFewRows = 16;

int64_t BlockRows(const AttentionWork& work) {
  const int64_t number = work.Narrow() ? 2 : 4;
  const int64_t row =
      number * (static_cast<int64_t>(work.key_width()) + kTileKeys) + 4 * static_cast<int64_t>(work.value_width());
  return std::min(kMostRows, kBlockBytes / row);
}

struct PartialStorage {
  std::shared_ptr<std::byte> bytes;
  PartialRows rows;
  PartialStorage(const AttentionWork& work, const RowBlock& block)
      : bytes(AllocateStorage(static_cast<int64_t>(block.rows() * (work.value_width() + 2) * sizeof(float)))) {
    float* o = reinterpret_cast<float*>(bytes.get());
    float* m = o + block.rows() * work.value_width();
    rows = {m, m + block.rows(), o};
  }
};

void ForwardWhole(const AttentionWork& work, const RowBlock& block, const AttentionResult& result) {
  const std::vector<KeyRange> ranges = work.Ranges(block);
  const std::pair<int64_t, int64_t> segments = work.Segments(ranges);
  const int64_t first = segments.first, last = segments.second;  // lambdas may not capture bindings, clang says
  // The first segment begins the sums of all rows that see it; those of others are written when theirs comes.
  PartialStorage total(work, block);
  std::optional<PartialStorage> partial;
  if (last - first > 1) partial.emplace(work, block);
  TESSERA_DISPATCH(ForwardSegments)
  (
      work, block, ranges.data(), first, last,
      [&](int64_t segment) { return segment == first ? total.rows : partial->rows; },
      [&](int64_t segment) {
        if (segment != first)
          TESSERA_DISPATCH(MergeSegment)(work, block, ranges.data(), segment, partial->rows, total.rows);
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

// Whether the caller is done before another thread could have helped: waking it and passing it q, and to the caller its
// keys' lines again when the next token is stored, takes longer than a hundred thousand multiply-adds.
bool Small(const AttentionWork& work) {
  constexpr int64_t kMultiplyAdds = int64_t{128} << 10;
  int64_t scores = 0;
  for (const AttentionWork::Sequence& s : work.sequences) scores += s.sequence->query_count * s.sequence->key_count;
  return scores * work.heads * static_cast<int64_t>(work.key_dim + work.value_dim) <= kMultiplyAdds;
}

AttentionResult Forward(const AttentionOperands& x, const AttentionSpec& spec, const KvPages* pages) {
  const AttentionWork work(x, spec, pages);
  const AttentionResult result{
      Tensor::Empty({x.q.dim(0), x.q.dim(1), static_cast<int64_t>(work.value_dim)}, x.q.dtype()),
      Tensor::Empty({x.q.dim(0), x.q.dim(1)})};
  const int64_t threads = ThreadCount(), rows = x.q.dim(0) * x.q.dim(1);
  const std::vector<RowBlock> blocks = work.Blocks(std::clamp(rows / (4 * threads), kFewRows, BlockRows(work)));
  int64_t most_rows = 0;
  for (const RowBlock& block : blocks) most_rows = std::max<int64_t>(most_rows, block.end - block.begin);
  if (Small(work)) {
    for (const RowBlock& block : blocks) ForwardWhole(work, block, result);
  } else if (static_cast<int64_t>(blocks.size()) < 2 * threads && most_rows <= kFewRows && threads > 1) {
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
