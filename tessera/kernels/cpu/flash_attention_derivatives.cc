// FlashAttention's derivatives on the CPU (Dao et al. 2022, algorithm 4; FlashAttention-2's D and L).
//
//   paper    here        shape             meaning
//   Q dO     q d_o       [64, D], [64, Dv] a tile of rows that share a key/value head
//   K V      k kt vt     [64, D], …        a tile of keys, as it is and transposed
//   P        p           [64, 64]          exp(S - L)
//   D        delta       [T, H]            rowsum(dO ∘ O)
//
//   VJP   dV += Pᵀ dO    dP = dO Vᵀ    dS = P ∘ (dP - D)    dQ += scale dS K    dK += scale dSᵀ Q
//   JVP   Ṡ = scale (Q̇ Kᵀ + Q K̇ᵀ)     Ȯ = (P ∘ Ṡ) V + P V̇ - rowsum(P ∘ Ṡ) ∘ O
//
// P is computed again from L, tile by tile. dK and dV of a tile sum over rows in order, dQ of a row over tiles in
// order, whether one pass over the tiles makes all three (five products) or, when there are fewer heads than threads,
// one pass makes dK and dV and another dQ (seven): so the bits do not depend on which.
#include "tessera/kernels/attention.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tessera/kernels/cpu/flash_attention_derivatives.cc"
#include "tessera/kernels/cpu/targets.h"
// clang-format off
#include <hwy/foreach_target.h>
#include "tessera/kernels/cpu/key_tiles-inl.h"
// clang-format on

#include <cmath>

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/cpu/attention_work.h"

#ifndef TESSERA_KERNELS_CPU_FLASH_ATTENTION_GRADIENT
#define TESSERA_KERNELS_CPU_FLASH_ATTENTION_GRADIENT
namespace tessera::kernels {
inline constexpr int64_t kTileRows = 64;

struct GradientCall {
  const AttentionResult& result;
  const Tensor& d_o;
  Tensor delta;       // f32 [T, H]
  Tensor dq, dk, dv;  // dq in f32, or undefined where only dK and dV are wanted
};
}  // namespace tessera::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {

constexpr size_t kRows = static_cast<size_t>(kTileRows);

std::byte* RowOf(Tensor& x, int64_t row, int64_t head) {
  return x.mutable_raw() + BytesFor(x.dtype(), (row * x.dim(1) + head) * x.dim(2));
}

// A tile of query rows and the probabilities of one tile of keys.
class RowTile {
 public:
  RowTile(const AttentionWork& work, const Tensor& lse)
      : work_(work),
        lse_(lse.data<float>().data()),
        q_(NewBuffer(kRows * work.key_width())),
        s_(NewBuffer(kRows * kTile)),
        p_(NewBuffer(kRows * kTile)) {}

  void LoadRows(const RowBlock& block) {
    block_ = block;
    Load(work_.x.q, work_.key_width(), q_.get());
    const AttentionMask& mask = work_.sequences[block.sequence].mask;
    for (size_t r = 0; r < block.rows(); ++r)
      ranges_[r] = mask.Range((block.begin + static_cast<int64_t>(r)) / work_.group);
  }

  // These rows of a tensor like q, as f32 rows of `width`.
  void Load(const Tensor& x, size_t width, float* to) const {
    for (size_t r = 0; r < block_.rows(); ++r)
      HeadRows(x, work_.QueryRow(block_, r), work_.Head(block_, r)).Load(0, {to + r * width, 1, width, width});
  }

  bool Sees(int64_t t) const {
    for (size_t r = 0; r < block_.rows(); ++r) {
      if (ranges_[r].begin < (t + 1) * kTileKeys && ranges_[r].end > t * kTileKeys && ranges_[r].begin < ranges_[r].end)
        return true;
    }
    return false;
  }

  // S = scale · Q Kᵀ, capped and masked;  P = exp(S - L).
  void Compute(int64_t t, const float* kt) {
    const float cap = work_.spec.softcap, scale = work_.spec.scale;
    Mul(q().Cols(0, work_.key_dim), {kt, work_.key_dim, kTile, kTile}, s());
    for (size_t r = 0; r < block_.rows(); ++r) {
      const int64_t first = t * kTileKeys;
      const size_t lo = Clip(ranges_[r].begin - first), hi = Clip(ranges_[r].end - first);
      if (cap > 0)
        ScaleAndMask<true>(s().Row(r), kTile, lo, hi, scale, cap);
      else
        ScaleAndMask<false>(s().Row(r), kTile, lo, hi, scale, cap);
      Probabilities(s().Row(r), lse_[work_.Place(block_, r)], p().Row(r), kTile);
    }
  }

  const RowBlock& block() const { return block_; }
  Tile<float> q() const { return {q_.get(), block_.rows(), work_.key_width(), work_.key_width()}; }
  Tile<float> s() const { return {s_.get(), block_.rows(), kTile, kTile}; }
  Tile<float> p() const { return {p_.get(), block_.rows(), kTile, kTile}; }

 private:
  static size_t Clip(int64_t key) { return key < 0 ? 0 : key > kTileKeys ? kTile : static_cast<size_t>(key); }

  const AttentionWork& work_;
  const float* lse_;
  Buffer q_, s_, p_;
  RowBlock block_{};
  KeyRange ranges_[kRows];
};

// dO, dP (which becomes scale · dS) and their scratch beside a tile of rows.
class GradientTile {
 public:
  GradientTile(const AttentionWork& work, const GradientCall& call)
      : rows(work, call.result.lse),
        work_(work),
        call_(call),
        d_o_(NewBuffer(kRows * work.value_width())),
        ds_(NewBuffer(kRows * kTile)),
        dq_(NewBuffer(kRows * work.key_width())) {}

  RowTile rows;

  void LoadRows(const RowBlock& block) {
    rows.LoadRows(block);
    rows.Load(call_.d_o, work_.value_width(), d_o_.get());
  }
  void Compute(int64_t t, const float* kt, const float* vt) {
    rows.Compute(t, kt);
    Mul(d_o().Cols(0, work_.value_dim), {vt, work_.value_dim, kTile, kTile}, ds());
    float unused[kLanes] = {};
    for (size_t r = 0; r < ds().rows; ++r) {
      const float delta = call_.delta.data<float>()[work_.Place(rows.block(), r)];
      WeighRow(rows.p().Row(r), rows.s().Row(r), delta, work_.spec.scale, work_.spec.softcap, ds().Row(r), kTile,
               unused);
    }
  }
  // dQ += dS K
  void AddQueryGradient(const float* k, Tensor& dq) {
    const size_t width = work_.key_width();
    const Tile<float> part{dq_.get(), ds().rows, width, width};
    Mul(ds(), {k, kTile, width, width}, part);
    for (size_t r = 0; r < part.rows; ++r) {
      float* to = reinterpret_cast<float*>(RowOf(dq, work_.QueryRow(rows.block(), r), work_.Head(rows.block(), r)));
      for (size_t d = 0; d < work_.key_dim; ++d) to[d] += part.Row(r)[d];
    }
  }
  Tile<float> d_o() const { return {d_o_.get(), rows.block().rows(), work_.value_width(), work_.value_width()}; }
  Tile<float> ds() const { return {ds_.get(), rows.block().rows(), kTile, kTile}; }

 private:
  const AttentionWork& work_;
  const GradientCall& call_;
  Buffer d_o_, ds_, dq_;
};

// The tile of keys and values in the forms that the products want.
struct KeyForms {
  KeyTiles tiles;
  Buffer k, kt, v, vt;
  KeyForms(const AttentionWork& work, size_t sequence, int64_t kv_head)
      : tiles(work, sequence, kv_head),
        k(NewBuffer(kTile * work.key_width())),
        kt(NewBuffer(kTile * work.key_width())),
        v(NewBuffer(kTile * work.value_width())),
        vt(NewBuffer(kTile * work.value_width())),
        value_width(work.value_width()) {}
  void Load(const AttentionWork& work, int64_t t) {
    tiles.LoadKeys(t, work.x.k, kt.get(), k.get());
    tiles.LoadValues(t, work.x.v, v.get());
    TransposeInto({v.get(), kTile, value_width, value_width}, {vt.get(), value_width, kTile, kTile});
  }
  size_t value_width;
};

}  // namespace

// dK and dV of one tile of keys, and its part of dQ where that is wanted.
void KeyGradient(const AttentionWork& work, const GradientCall& call, size_t sequence, int64_t kv_head, int64_t t) {
  GradientTile tile(work, call);
  KeyForms keys(work, sequence, kv_head);
  keys.Load(work, t);
  Tensor dk = call.dk, dv = call.dv, dq = call.dq;
  const size_t key_width = work.key_width(), value_width = work.value_width();
  const Buffer dk_sum = NewBuffer(kTile * key_width), dv_sum = NewBuffer(kTile * value_width);
  Clear(dk_sum.get(), kTile * key_width);
  Clear(dv_sum.get(), kTile * value_width);
  const int64_t rows = work.sequences[sequence].sequence->query_count * work.group;
  for (int64_t begin = 0; begin < rows; begin += kTileRows) {
    const RowBlock block{sequence, kv_head, begin, begin + kTileRows < rows ? begin + kTileRows : rows};
    if (!work.MaySee(block, t)) continue;
    tile.LoadRows(block);
    if (!tile.rows.Sees(t)) continue;
    tile.Compute(t, keys.kt.get(), keys.vt.get());
    MulAdd(Transposed<const float>(tile.rows.p()), tile.d_o(), {dv_sum.get(), kTile, value_width, value_width});
    MulAdd(Transposed<const float>(tile.ds()), tile.rows.q(), {dk_sum.get(), kTile, key_width, key_width});
    if (dq) tile.AddQueryGradient(keys.k.get(), dq);
  }
  for (size_t j = 0; j < keys.tiles.Count(t); ++j) {
    const int64_t row = work.sequences[sequence].first_key + t * kTileKeys + static_cast<int64_t>(j);
    StoreRow(dk_sum.get() + j * key_width, dk.dtype(), RowOf(dk, row, kv_head), work.key_dim);
    StoreRow(dv_sum.get() + j * value_width, dv.dtype(), RowOf(dv, row, kv_head), work.value_dim);
  }
}

// dQ of a block of rows, in f32 [rows, D'], written to `out` in its dtype.
void QueryGradient(const AttentionWork& work, const GradientCall& call, const RowBlock& block, Tensor& out) {
  GradientTile tile(work, call);
  KeyForms keys(work, block.sequence, block.kv_head);
  tile.LoadRows(block);
  const size_t width = work.key_width();
  const Buffer sum = NewBuffer(kRows * width), part = NewBuffer(kRows * width);
  Clear(sum.get(), kRows * width);
  const int64_t key_count = work.sequences[block.sequence].sequence->key_count;
  for (int64_t t = 0; t * kTileKeys < key_count; ++t) {
    if (!tile.rows.Sees(t)) continue;
    keys.Load(work, t);
    tile.Compute(t, keys.kt.get(), keys.vt.get());
    Mul(tile.ds(), {keys.k.get(), kTile, width, width}, {part.get(), block.rows(), width, width});
    for (size_t i = 0; i < block.rows() * width; ++i) sum[i] += part[i];
  }
  for (size_t r = 0; r < block.rows(); ++r)
    StoreRow(sum.get() + r * width, out.dtype(), RowOf(out, work.QueryRow(block, r), work.Head(block, r)),
             work.key_dim);
}

// D = rowsum(dO ∘ O) of the pairs of row and head begin … end - 1.
void RowProducts(const AttentionWork& work, const Tensor& o, const Tensor& d_o, int64_t begin, int64_t end,
                 Tensor& delta) {
  const size_t width = work.value_width();
  const Buffer a = NewBuffer(width), b = NewBuffer(width);
  for (int64_t place = begin; place < end; ++place) {
    HeadRows(o, place / work.heads, place % work.heads).Load(0, {a.get(), 1, width, width});
    HeadRows(d_o, place / work.heads, place % work.heads).Load(0, {b.get(), 1, width, width});
    delta.mutable_data<float>()[static_cast<size_t>(place)] = DotRow(a.get(), b.get(), width);
  }
}

// Ȯ of a block of rows. Undefined tangents are zero.
void OutputTangent(const AttentionWork& work, const AttentionResult& result, const AttentionOperands& tangents,
                   const RowBlock& block, Tensor& out) {
  const size_t key_width = work.key_width(), width = work.value_width();
  RowTile rows(work, result.lse);
  KeyTiles tiles(work, block.sequence, block.kv_head);
  const Buffer tq = NewBuffer(kRows * key_width), kt = NewBuffer(kTile * key_width), v = NewBuffer(kTile * width);
  const Buffer tkt = NewBuffer(kTile * key_width), tv = NewBuffer(kTile * width), ts = NewBuffer(kRows * kTile);
  const Buffer sum = NewBuffer(kRows * width), means = NewBuffer(kRows * kLanes), o = NewBuffer(kRows * width);
  Clear(sum.get(), kRows * width);
  Clear(means.get(), kRows * kLanes);
  rows.LoadRows(block);
  rows.Load(result.o, width, o.get());
  if (tangents.q) rows.Load(tangents.q, key_width, tq.get());
  const Tile<float> s_dot{ts.get(), block.rows(), kTile, kTile}, o_dot{sum.get(), block.rows(), width, width};
  const int64_t key_count = work.sequences[block.sequence].sequence->key_count;
  for (int64_t t = 0; t * kTileKeys < key_count; ++t) {
    if (!rows.Sees(t)) continue;
    tiles.LoadKeys(t, work.x.k, kt.get(), nullptr);
    tiles.LoadValues(t, work.x.v, v.get());
    rows.Compute(t, kt.get());
    Clear(ts.get(), kRows * kTile);
    if (tangents.q)
      MulAdd({tq.get(), block.rows(), work.key_dim, key_width}, {kt.get(), work.key_dim, kTile, kTile}, s_dot);
    if (tangents.k) {
      tiles.LoadKeys(t, tangents.k, tkt.get(), nullptr);
      MulAdd(rows.q().Cols(0, work.key_dim), {tkt.get(), work.key_dim, kTile, kTile}, s_dot);
    }
    for (size_t r = 0; r < block.rows(); ++r)
      WeighRow(rows.p().Row(r), rows.s().Row(r), 0, work.spec.scale, work.spec.softcap, s_dot.Row(r), kTile,
               means.get() + r * kLanes);
    MulAdd(s_dot, {v.get(), kTile, width, width}, o_dot);  // (P ∘ Ṡ) V
    if (tangents.v) {
      tiles.LoadValues(t, tangents.v, tv.get());
      MulAdd(rows.p(), {tv.get(), kTile, width, width}, o_dot);  // P V̇
    }
  }
  for (size_t r = 0; r < block.rows(); ++r) {
    float mean = SumLanes(means.get() + r * kLanes);
    if (tangents.sinks) {
      const size_t head = static_cast<size_t>(work.Head(block, r));
      const float lse = result.lse.data<float>()[work.Place(block, r)];
      mean += std::exp(work.sinks[head] - lse) * tangents.sinks.data<float>()[head];
    }
    MixRows(1, o_dot.Row(r), -mean, o.get() + r * width, width);
    StoreRow(o_dot.Row(r), out.dtype(), RowOf(out, work.QueryRow(block, r), work.Head(block, r)), work.value_dim);
  }
}

}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {
namespace {

HWY_EXPORT(KeyGradient);
HWY_EXPORT(QueryGradient);
HWY_EXPORT(RowProducts);
HWY_EXPORT(OutputTangent);

// dQ of low precision is summed in f32 beside the operands only while that costs little memory.
constexpr int64_t kMostSumBytes = int64_t{48} << 20;

bool HasTree(const AttentionPattern& pattern) {
  return std::ranges::any_of(pattern.sequences, [](const AttentionSequence& s) { return !s.tree_parents.empty(); });
}

// The textbook serves f64, and trees: their gradients are rare, and small.
bool UsesReference(const AttentionOperands& x, const AttentionSpec& spec) {
  return x.q.dtype() == DType::kF64 || HasTree(spec.pattern);
}

// One pass over the tiles of keys of each head: dK, dV, and dQ in `dq`.
void GradientInOnePass(const AttentionWork& work, const GradientCall& call) {
  ParallelFor(static_cast<int64_t>(work.sequences.size()) * work.kv_heads, [&](int64_t i) {
    const size_t sequence = static_cast<size_t>(i / work.kv_heads);
    const int64_t key_count = work.sequences[sequence].sequence->key_count;
    for (int64_t t = 0; t * kTileKeys < key_count; ++t)
      TESSERA_DISPATCH(KeyGradient)(work, call, sequence, i % work.kv_heads, t);
  });
}

// Tiles of keys and blocks of rows as pieces of work of their own.
void GradientInTwoPasses(const AttentionWork& work, const GradientCall& call, Tensor& dq) {
  struct KeyPiece {
    size_t sequence;
    int64_t kv_head, tile;
  };
  std::vector<KeyPiece> pieces;
  for (size_t s = 0; s < work.sequences.size(); ++s) {
    for (int64_t t = 0; t * kTileKeys < work.sequences[s].sequence->key_count; ++t) {
      for (int64_t g = 0; g < work.kv_heads; ++g) pieces.push_back({s, g, t});
    }
  }
  ParallelFor(static_cast<int64_t>(pieces.size()), [&](int64_t i) {
    const KeyPiece& piece = pieces[static_cast<size_t>(i)];
    TESSERA_DISPATCH(KeyGradient)(work, call, piece.sequence, piece.kv_head, piece.tile);
  });
  const std::vector<RowBlock> blocks = work.Blocks(kTileRows);
  ParallelFor(static_cast<int64_t>(blocks.size()), [&](int64_t i) {
    TESSERA_DISPATCH(QueryGradient)(work, call, blocks[static_cast<size_t>(i)], dq);
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
  Tensor delta = Tensor::Empty(result.lse.shape());
  ParallelForRange(delta.numel(), 256, [&](int64_t begin, int64_t end) {
    TESSERA_DISPATCH(RowProducts)(work, result.o, d_o, begin, end, delta);
  });
  GradientCall call{
      result, d_o, delta, {}, Tensor::Empty(x.k.shape(), x.k.dtype()), Tensor::Empty(x.v.shape(), x.v.dtype())};
  const bool wide = x.q.dtype() == DType::kF32;
  const int64_t heads = static_cast<int64_t>(work.sequences.size()) * work.kv_heads;
  Tensor dq;
  if (heads >= ThreadCount() && (wide || x.q.numel() * 4 <= kMostSumBytes)) {
    call.dq = Tensor::Zeros(x.q.shape());
    GradientInOnePass(work, call);
    dq = call.dq.To(x.q.dtype());
  } else {
    dq = Tensor::Empty(x.q.shape(), x.q.dtype());
    GradientInTwoPasses(work, call, dq);
  }
  return {dq, call.dk, call.dv, x.sinks ? SinkGradient(work, result, delta) : Tensor()};
}

Tensor AttentionJvp(const AttentionOperands& x, const AttentionSpec& spec, const AttentionResult& result,
                    const AttentionOperands& tangents) {
  if (UsesReference(x, spec)) return reference::AttentionJvp(x, spec, result, tangents);
  const AttentionWork work(x, spec, nullptr);
  AttentionOperands narrow = tangents;
  if (narrow.sinks) narrow.sinks = narrow.sinks.Contiguous().To(DType::kF32);
  Tensor out = Tensor::Empty(result.o.shape(), result.o.dtype());
  const std::vector<RowBlock> blocks = work.Blocks(kTileRows);
  ParallelFor(static_cast<int64_t>(blocks.size()), [&](int64_t i) {
    TESSERA_DISPATCH(OutputTangent)(work, result, narrow, blocks[static_cast<size_t>(i)], out);
  });
  return out;
}

}  // namespace tessera::kernels
#endif  // HWY_ONCE
