// FlashAttention's gradients on the CPU (Dao et al. 2022, algorithm 4; FlashAttention-2's D and L).
//
//   paper    here        shape             meaning
//   Q dO     q d_o       [64, D], [64, Dv] a tile of rows that share a key/value head
//   K V      k v         [64, D], [64, Dv] a tile of keys
//   Sᵀ Pᵀ    s p         [64, 64]          exp(S - L): keys in rows, queries in lanes, so that L and D are vectors
//   D        delta       [T, H]            rowsum(dO ∘ O)
//
//   dPᵀ = V dOᵀ    dSᵀ = scale · Pᵀ ∘ (dPᵀ - D)    dV += Pᵀ dO    dK += dSᵀ Q    dQᵀ += Kᵀ dSᵀ
//
// T is float, or BFloat16 where all operands are: then the operands of every product are pairs of bf16, its sum f32.
//
// P is computed again from L, tile by tile. dK and dV of a tile sum over rows in order, dQ of a row over tiles in
// order, whether one pass over the tiles makes all three (five products) or, when there are fewer heads than threads,
// one pass makes dK and dV and another dQ (seven): so the bits do not depend on which.
#include "tessera/kernels/attention.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tessera/kernels/cpu/flash_attention_vjp.cc"
#include "tessera/kernels/cpu/targets.h"
// clang-format off
#include <hwy/foreach_target.h>
#include "tessera/kernels/cpu/key_tiles-inl.h"
// clang-format on

#include <cmath>
#include <functional>

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/cpu/attention_work.h"

#ifndef TESSERA_KERNELS_CPU_FLASH_ATTENTION_GRADIENT
#define TESSERA_KERNELS_CPU_FLASH_ATTENTION_GRADIENT
namespace tessera::kernels {
struct GradientCall {
  const AttentionResult& result;
  const Tensor& d_o;
  Tensor delta;       // f32 [T, H]
  Tensor dq, dk, dv;  // the results
};

// The query rows of one key/value head of one sequence, in tiles of 64 rows.
struct RowTiles {
  size_t sequence;
  int64_t kv_head, rows;
  RowTiles(const AttentionWork& work, size_t sequence_in, int64_t kv_head_in)
      : sequence(sequence_in), kv_head(kv_head_in), rows(work.sequences[sequence].sequence->query_count * work.group) {}
  int64_t count() const { return (rows + kTileKeys - 1) / kTileKeys; }
  RowBlock Block(int64_t i) const { return {sequence, kv_head, i * kTileKeys, std::min(rows, (i + 1) * kTileKeys)}; }
};
}  // namespace tessera::kernels
#endif

TESSERA_BEFORE_TILES();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {

std::byte* RowOf(const Tensor& x, int64_t row, int64_t head) {
  Tensor to = x;
  return to.mutable_raw() + BytesFor(x.dtype(), (row * x.dim(1) + head) * x.dim(2));
}

// A tile of query rows in the forms that the products want: Q and dO as right operands, and transposed.
template <typename T>
class QueryTile {
 public:
  QueryTile(const AttentionWork& work, const GradientCall& call)
      : work_(work),
        call_(call),
        rows_(NewBuffer<T>(kTile * std::max(work.key_width(), work.value_width()))),
        q_(NewBuffer<T>(kTile * work.key_width())),
        qt_(NewBuffer<T>(kTile * work.key_width())),
        d_o_(NewBuffer<T>(kTile * work.value_width())),
        d_ot_(NewBuffer<T>(kTile * work.value_width())) {}

  void Load(const RowBlock& block) {
    block_ = block;
    LoadForms(work_.x.q, work_.key_width(), q(), qt());
    LoadForms(call_.d_o, work_.value_width(), d_o(), d_ot());
    const AttentionMask& mask = work_.sequences[block.sequence].mask;
    all_see_ = {0, std::numeric_limits<int64_t>::max()};
    for (size_t r = 0; r < kTile; ++r) {  // rows beyond the block see nothing
      ranges_[r] = {}, lse_[r] = kInfinity, delta_[r] = 0;
      if (r >= block.rows()) continue;
      ranges_[r] = mask.Range((block.begin + static_cast<int64_t>(r)) / work_.group);
      all_see_.begin = std::max(all_see_.begin, ranges_[r].begin);
      all_see_.end = std::min(all_see_.end, ranges_[r].end);
      lse_[r] = call_.result.lse.template data<float>()[work_.Place(block, r)] * kLog2E;
      delta_[r] = call_.delta.template data<float>()[work_.Place(block, r)];
    }
  }

  // Which of the tile's keys each row sees. `any` is false if none is seen, `whole` true if all are.
  struct Seen {
    bool any = false, whole = true;
  };
  Seen SeenOf(int64_t t) {
    const int64_t first = t * kTileKeys;
    if (all_see_.begin <= first && all_see_.end >= first + kTileKeys) return {true, true};
    bool any = false;
    for (size_t r = 0; r < kTile; ++r) {
      const int64_t begin = std::clamp<int64_t>(ranges_[r].begin - first, 0, kTileKeys);
      const int64_t end = std::clamp<int64_t>(ranges_[r].end - first, 0, kTileKeys);
      any |= begin < end;
      begin_[r] = static_cast<float>(begin), end_[r] = static_cast<float>(end);
    }
    return {any, false};
  }
  // The lanes that hold rows.
  size_t lanes() const { return (block_.rows() + kColumnStep - 1) / kColumnStep * kColumnStep; }
  QueryRows rows() const { return {lse_, delta_, begin_, end_}; }

  Panel<T> q() const { return {q_.get(), kTile, work_.key_width(), work_.key_width()}; }
  Panel<T> qt() const { return {qt_.get(), work_.key_width(), kTile, kTile}; }
  Panel<T> d_o() const { return {d_o_.get(), kTile, work_.value_width(), work_.value_width()}; }
  Panel<T> d_ot() const { return {d_ot_.get(), work_.value_width(), kTile, kTile}; }

 private:
  void LoadForms(const Tensor& x, size_t width, Panel<T> plain, Panel<T> transposed) {
    const Tile<T> rows{rows_.get(), kTile, width, width};
    LoadBlock(work_, block_, x, rows);
    Pack(rows, plain);
    PackTransposed<T>(rows, transposed);
  }

  const AttentionWork& work_;
  const GradientCall& call_;
  RowBlock block_{};
  Buffer<T> rows_, q_, qt_, d_o_, d_ot_;
  KeyRange ranges_[kTile], all_see_;
  HWY_ALIGN float lse_[kTile], delta_[kTile], begin_[kTile], end_[kTile];
};

// A tile of keys in the forms that the products want, all left operands, and the sums of its gradients.
template <typename T>
struct KeyTile {
  KeyTile(const AttentionWork& work, size_t sequence_in, int64_t kv_head_in)
      : sequence(sequence_in),
        kv_head(kv_head_in),
        key_width(work.key_width()),
        value_width(work.value_width()),
        k_(NewBuffer<T>(kTile * key_width)),
        kt_(NewBuffer<T>(kTile * key_width)),
        pairs_(NewBuffer<T>(kTile * key_width)),
        v_(NewBuffer<T>(kTile * value_width)),
        dk_(NewBuffer<float>(kTile * key_width)),
        dv_(NewBuffer<float>(kTile * value_width)) {}

  size_t sequence;
  int64_t kv_head;
  size_t key_width, value_width;
  int64_t t = 0;
  size_t rows = 0;  // that hold keys, rounded up to whole words of the transposed tile
  Tile<const T> k{}, v{};

  void Load(const AttentionWork& work, int64_t tile) {
    t = tile;
    const Tile<T> k_rows{k_.get(), kTile, key_width, key_width}, v_rows{v_.get(), kTile, value_width, value_width};
    rows = (work.KeysInTile(sequence, t) + 1) / 2 * 2;
    k = TileRows(work, sequence, kv_head, work.x.k, t, k_rows);
    v = TileRows(work, sequence, kv_head, work.x.v, t, v_rows);
    const Panel<T> pairs{pairs_.get(), kTile, key_width, key_width};  // whole words move, so neighbours first
    Pack(k, pairs);
    TransposeWords({reinterpret_cast<const float*>(pairs.data), pairs.steps(), key_width, key_width},
                   {reinterpret_cast<float*>(kt_.get()), key_width, pairs.steps(), kTile / kPerWord<T>});
    Clear(dk_.get(), kTile * key_width);
    Clear(dv_.get(), kTile * value_width);
  }
  void Store(const AttentionWork& work, const GradientCall& call) const {
    for (size_t j = 0; j < work.KeysInTile(sequence, t); ++j) {
      const int64_t row = work.sequences[sequence].first_key + t * kTileKeys + static_cast<int64_t>(j);
      StoreRow(dk().Row(j), call.dk.dtype(), RowOf(call.dk, row, kv_head), work.key_dim);
      StoreRow(dv().Row(j), call.dv.dtype(), RowOf(call.dv, row, kv_head), work.value_dim);
    }
  }

  Tile<T> kt() const { return {kt_.get(), key_width, kTile, kTile}; }
  Tile<float> dk() const { return {dk_.get(), kTile, key_width, key_width}; }
  Tile<float> dv() const { return {dv_.get(), kTile, value_width, value_width}; }

 private:
  Buffer<T> k_, kt_, pairs_, v_;
  Buffer<float> dk_, dv_;
};

// What one tile of queries and one of keys give to each other.
template <typename T>
class TileGradient {
 public:
  explicit TileGradient(const AttentionWork& work)
      : work_(work),
        s_(NewBuffer<float>(kTile * kTile)),
        dp_(NewBuffer<float>(kTile * kTile)),
        p_(NewBuffer<T>(kTile * kTile)),
        ds_(NewBuffer<T>(kTile * kTile)),
        ds_pairs_(NewBuffer<T>(kTile * kTile)) {}

  void Scores(const KeyTile<T>& keys, const QueryTile<T>& queries, bool whole) {
    const Tile<float> s{s_.get(), kTile, kTile, kTile}, dp{dp_.get(), kTile, kTile, kTile};
    rows_ = keys.rows, lanes_ = queries.lanes();
    Mul<T>(keys.k.Rows(0, rows_), queries.qt().Cols(lanes_), s);     // Sᵀ = K Qᵀ
    Mul<T>(keys.v.Rows(0, rows_), queries.d_ot().Cols(lanes_), dp);  // dPᵀ = V dOᵀ
    const QueryRows rows = queries.rows();
    const float scale = work_.spec.scale, cap = work_.spec.softcap;
    for (size_t j = 0; j < rows_; ++j) {
      if (whole)
        SoftmaxVjp<T, true>(s.Row(j), dp.Row(j), j, rows, scale, cap, p().Row(j), ds().Row(j));
      else
        SoftmaxVjp<T, false>(s.Row(j), dp.Row(j), j, rows, scale, cap, p().Row(j), ds().Row(j));
    }
  }
  void AddToKeys(const KeyTile<T>& keys, const QueryTile<T>& queries) const {
    MulAdd<T>(p(), queries.d_o().Depth(lanes_), keys.dv());  // dV += Pᵀ dO
    MulAdd<T>(ds(), queries.q().Depth(lanes_), keys.dk());   // dK += dSᵀ Q
  }
  void AddToQueries(const KeyTile<T>& keys, Tile<float> dqt) const {
    const Panel<T> pairs{ds_pairs_.get(), rows_, kTile, kTile};
    Pack(ds(), pairs);
    MulAdd<T>(keys.kt(), pairs.Cols(lanes_), dqt);  // dQᵀ += Kᵀ dSᵀ
  }

 private:
  Tile<T> p() const { return {p_.get(), rows_, kTile, kTile}; }
  Tile<T> ds() const { return {ds_.get(), rows_, kTile, kTile}; }

  const AttentionWork& work_;
  size_t rows_ = kTile, lanes_ = kTile;  // in use
  Buffer<float> s_, dp_;
  Buffer<T> p_, ds_, ds_pairs_;
};

// dQ of a tile of rows, from dQᵀ [D', 64].
void StoreQueryGradient(const AttentionWork& work, const RowBlock& block, const float* dqt, const Tensor& dq) {
  const size_t width = work.key_width();
  const Buffer<float> rows = NewBuffer<float>(kTile * width);
  TransposeWords({dqt, width, kTile, kTile}, {rows.get(), kTile, width, width});
  for (size_t r = 0; r < block.rows(); ++r)
    StoreRow(rows.get() + r * width, dq.dtype(), RowOf(dq, work.QueryRow(block, r), work.Head(block, r)), work.key_dim);
}

// dK and dV of the tiles first … last - 1 of one key/value head, and their part of dQᵀ [row tiles, D', 64] if wanted.
template <typename T>
void KeyGradientOf(const AttentionWork& work, const GradientCall& call, const RowTiles& row_tiles, int64_t first,
                   int64_t last, float* dqt) {
  // Forms of as many tiles of keys as the second-level cache holds share the packing of a tile of queries.
  constexpr int64_t kTiles = 2 * kPerWord<T>;
  std::vector<KeyTile<T>> keys;
  for (int64_t i = 0; i < std::min(kTiles, last - first); ++i)
    keys.emplace_back(work, row_tiles.sequence, row_tiles.kv_head);
  QueryTile<T> queries(work, call);
  TileGradient<T> gradient(work);
  const size_t width = work.key_width();
  for (int64_t t0 = first; t0 < last; t0 += kTiles) {
    const int64_t tiles = std::min(kTiles, last - t0);
    for (int64_t i = 0; i < tiles; ++i) keys[static_cast<size_t>(i)].Load(work, t0 + i);
    for (int64_t b = 0; b < row_tiles.count(); ++b) {
      const RowBlock block = row_tiles.Block(b);
      bool loaded = false;
      for (int64_t i = 0; i < tiles; ++i) {
        if (!work.MaySee(block, t0 + i)) continue;
        if (!loaded) queries.Load(block);
        loaded = true;
        const auto seen = queries.SeenOf(t0 + i);
        if (!seen.any) continue;
        const KeyTile<T>& tile = keys[static_cast<size_t>(i)];
        gradient.Scores(tile, queries, seen.whole);
        gradient.AddToKeys(tile, queries);
        if (dqt) gradient.AddToQueries(tile, {dqt + static_cast<size_t>(b) * width * kTile, width, kTile, kTile});
      }
    }
    for (int64_t i = 0; i < tiles; ++i) keys[static_cast<size_t>(i)].Store(work, call);
  }
}

template <typename T>
void QueryGradientOf(const AttentionWork& work, const GradientCall& call, const RowBlock& block) {
  QueryTile<T> queries(work, call);
  KeyTile<T> keys(work, block.sequence, block.kv_head);
  TileGradient<T> gradient(work);
  queries.Load(block);
  const size_t width = work.key_width();
  const Buffer<float> dqt = NewBuffer<float>(kTile * width);
  Clear(dqt.get(), kTile * width);
  const int64_t key_count = work.sequences[block.sequence].sequence->key_count;
  for (int64_t t = 0; t * kTileKeys < key_count; ++t) {
    const auto seen = queries.SeenOf(t);
    if (!seen.any) continue;
    keys.Load(work, t);
    gradient.Scores(keys, queries, seen.whole);
    gradient.AddToQueries(keys, {dqt.get(), width, kTile, kTile});
  }
  StoreQueryGradient(work, block, dqt.get(), call.dq);
}

}  // namespace

// dK, dV and dQ of one key/value head of one sequence, in one pass.
void HeadGradient(const AttentionWork& work, const GradientCall& call, const RowTiles& row_tiles) {
  const size_t tile_numbers = kTile * work.key_width(), count = static_cast<size_t>(row_tiles.count());
  const Buffer<float> dqt = NewBuffer<float>(count * tile_numbers);
  Clear(dqt.get(), count * tile_numbers);
  const int64_t keys = work.sequences[row_tiles.sequence].sequence->key_count;
  const int64_t tiles = (keys + kTileKeys - 1) / kTileKeys;
  if constexpr (kHasBf16Products) {
    if (work.Narrow()) KeyGradientOf<BFloat16>(work, call, row_tiles, 0, tiles, dqt.get());
  }
  if (!work.Narrow()) KeyGradientOf<float>(work, call, row_tiles, 0, tiles, dqt.get());
  for (size_t b = 0; b < count; ++b)
    StoreQueryGradient(work, row_tiles.Block(static_cast<int64_t>(b)), dqt.get() + b * tile_numbers, call.dq);
}

// dK and dV of one tile of keys.
void KeyGradient(const AttentionWork& work, const GradientCall& call, const RowTiles& row_tiles, int64_t t) {
  if constexpr (kHasBf16Products) {
    if (work.Narrow()) return KeyGradientOf<BFloat16>(work, call, row_tiles, t, t + 1, nullptr);
  }
  KeyGradientOf<float>(work, call, row_tiles, t, t + 1, nullptr);
}

// dQ of a tile of rows.
void QueryGradient(const AttentionWork& work, const GradientCall& call, const RowBlock& block) {
  if constexpr (kHasBf16Products) {
    if (work.Narrow()) return QueryGradientOf<BFloat16>(work, call, block);
  }
  QueryGradientOf<float>(work, call, block);
}

// D = rowsum(dO ∘ O) of the pairs of row and head begin … end - 1.
void RowProducts(const AttentionWork& work, const Tensor& o, const Tensor& d_o, int64_t begin, int64_t end,
                 Tensor& delta) {
  const size_t width = work.value_width();
  const Buffer<float> a = NewBuffer<float>(width), b = NewBuffer<float>(width);
  const HeadRows o_rows(o), d_o_rows(d_o);
  for (int64_t place = begin; place < end; ++place) {
    const size_t row = static_cast<size_t>(place / work.heads), head = static_cast<size_t>(place % work.heads);
    o_rows.Load(row, head, a.get(), width);
    d_o_rows.Load(row, head, b.get(), width);
    delta.mutable_data<float>()[static_cast<size_t>(place)] = DotRow(a.get(), b.get(), width);
  }
}

}  // namespace tessera::kernels::HWY_NAMESPACE
TESSERA_AFTER_TILES();

#if HWY_ONCE
namespace tessera::kernels {
namespace {

HWY_EXPORT(HeadGradient);
HWY_EXPORT(KeyGradient);
HWY_EXPORT(QueryGradient);
HWY_EXPORT(RowProducts);

// dQ is summed in f32 beside the operands only while that costs little memory.
constexpr int64_t kMostSumBytes = int64_t{40} << 20;

// The textbook serves f64, and trees: their gradients are rare, and small.
bool UsesReference(const AttentionOperands& x, const AttentionSpec& spec) {
  return x.q.dtype() == DType::kF64 || std::ranges::any_of(spec.pattern.sequences, [](const AttentionSequence& s) {
           return !s.tree_parents.empty();
         });
}

std::vector<RowTiles> Heads(const AttentionWork& work) {
  std::vector<RowTiles> heads;
  for (size_t s = 0; s < work.sequences.size(); ++s) {
    for (int64_t g = 0; g < work.kv_heads; ++g) heads.emplace_back(work, s, g);
  }
  std::ranges::stable_sort(heads, std::greater<>(), &RowTiles::rows);  // threads end together
  return heads;
}

// Whether each thread can take a head of its own, with the f32 sums of its dQ.
bool FitsOnePass(const AttentionWork& work, const std::vector<RowTiles>& heads) {
  int64_t bytes = 0;
  for (size_t i = 0; i < std::min(heads.size(), static_cast<size_t>(ThreadCount())); ++i)
    bytes += heads[i].count() * kTileKeys * static_cast<int64_t>(work.key_width() * sizeof(float));
  return static_cast<int64_t>(heads.size()) >= ThreadCount() && bytes <= kMostSumBytes;
}

// Tiles of keys and tiles of rows as pieces of work of their own.
void GradientInTwoPasses(const AttentionWork& work, const GradientCall& call, const std::vector<RowTiles>& heads) {
  struct KeyPiece {
    const RowTiles* head;
    int64_t tile;
  };
  std::vector<KeyPiece> pieces;
  for (const RowTiles& head : heads) {
    for (int64_t t = 0; t * kTileKeys < work.sequences[head.sequence].sequence->key_count; ++t)
      pieces.push_back({&head, t});
  }
  ParallelFor(static_cast<int64_t>(pieces.size()), [&](int64_t i) {
    const KeyPiece& piece = pieces[static_cast<size_t>(i)];
    TESSERA_DISPATCH(KeyGradient)(work, call, *piece.head, piece.tile);
  });
  const std::vector<RowBlock> blocks = work.Blocks(kTileKeys);
  ParallelFor(static_cast<int64_t>(blocks.size()), [&](int64_t i) {
    TESSERA_DISPATCH(QueryGradient)(work, call, blocks[static_cast<size_t>(i)]);
  });
}

// d sink = -Σ_rows exp(sink - L) D
Tensor SinkGradient(const AttentionWork& work, const AttentionResult& result, const Tensor& delta) {
  std::vector<double> sums(static_cast<size_t>(work.heads));
  const std::span<const float> lse = result.lse.data<float>(), d = delta.data<float>();
  for (size_t i = 0; i < lse.size(); ++i) {
    const size_t head = i % sums.size();
    sums[head] -=
        std::exp(static_cast<double>(work.sinks[head]) - static_cast<double>(lse[i])) * static_cast<double>(d[i]);
  }
  return Tensor::From<double>(sums, {work.heads}).To(work.x.sinks.dtype());
}

}  // namespace

AttentionOperands AttentionVjp(const AttentionOperands& x, const AttentionSpec& spec, const AttentionResult& result,
                               const Tensor& d_o) {
  if (UsesReference(x, spec)) return reference::AttentionVjp(x, spec, result, d_o);
  const AttentionWork work(x, spec, nullptr);
  const auto empty = [](const Tensor& like) { return Tensor::Empty(like.shape(), like.dtype()); };
  GradientCall call{result, d_o, Tensor::Empty(result.lse.shape()), empty(x.q), empty(x.k), empty(x.v)};
  ParallelForRange(call.delta.numel(), 256, [&](int64_t begin, int64_t end) {
    TESSERA_DISPATCH(RowProducts)(work, result.o, d_o, begin, end, call.delta);
  });
  const std::vector<RowTiles> heads = Heads(work);
  if (FitsOnePass(work, heads)) {
    ParallelFor(static_cast<int64_t>(heads.size()), [&](int64_t i) {
      TESSERA_DISPATCH(HeadGradient)(work, call, heads[static_cast<size_t>(i)]);
    });
  } else {
    GradientInTwoPasses(work, call, heads);
  }
  return {call.dq, call.dk, call.dv, x.sinks ? SinkGradient(work, result, call.delta) : Tensor()};
}

}  // namespace tessera::kernels
#endif  // HWY_ONCE
