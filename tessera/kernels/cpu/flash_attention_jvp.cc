// FlashAttention's tangent on the CPU: forward mode through the saved L, in f32.
//
//   paper    here        shape             meaning
//   Q K V    q kt v      [64, D], [D, 64]  a tile of rows that share a key/value head; a tile of keys and values
//   P        p           [64, 64]          exp(S - L)
//   Q̇ K̇ V̇    tq tkt tv                     their tangents
//
//   Ṡ = scale (Q̇ Kᵀ + Q K̇ᵀ)     Ȯ = (P ∘ Ṡ) V + P V̇ - rowsum(P ∘ Ṡ) ∘ O
#include "tessera/kernels/attention.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tessera/kernels/cpu/flash_attention_jvp.cc"
#include "tessera/kernels/cpu/targets.h"
// clang-format off
#include <hwy/foreach_target.h>
#include "tessera/kernels/cpu/key_tiles-inl.h"
// clang-format on

#include <cmath>

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/cpu/attention_work.h"

TESSERA_BEFORE_TILES();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {

// A tile of keys or values of a plain tensor as a right operand.
class Operand {
 public:
  Operand(const AttentionWork& work, const RowBlock& block, size_t width)
      : work_(work),
        block_(block),
        width_(width),
        rows_(NewBuffer<float>(kTile * width)),
        t_(NewBuffer<float>(kTile * width)) {}
  Panel<const float> Load(const Tensor& x, int64_t t) {
    const Tile<const float> rows = TileRows(work_, block_.sequence, block_.kv_head, x, t, Rows());
    return {rows.data, kTile, width_, rows.stride};
  }
  Panel<const float> LoadTransposed(const Tensor& x, int64_t t) {
    TransposeWords(TileRows(work_, block_.sequence, block_.kv_head, x, t, Rows()), {t_.get(), width_, kTile, kTile});
    return {t_.get(), width_, kTile, kTile};
  }

 private:
  Tile<float> Rows() const { return {rows_.get(), kTile, width_, width_}; }
  const AttentionWork& work_;
  const RowBlock& block_;
  size_t width_;
  Buffer<float> rows_, t_;
};

class TangentBlock {
 public:
  TangentBlock(const AttentionWork& work, const AttentionResult& result, const AttentionOperands& tangents,
               const RowBlock& block)
      : work_(work),
        result_(result),
        tangents_(tangents),
        block_(block),
        k_(work, block, work.key_width()),
        v_(work, block, work.value_width()),
        ranges_(work.Ranges(block)),
        q_(Rows(work.x.q, work.key_width())),
        tq_(Rows(tangents.q, work.key_width())),
        o_(Rows(result.o, work.value_width())),
        s_(NewBuffer<float>(kTile * kTile)),
        p_(NewBuffer<float>(kTile * kTile)),
        ts_(NewBuffer<float>(kTile * kTile)),
        to_(NewBuffer<float>(kTile * work.value_width())),
        means_(NewBuffer<float>(kTile * kLanes)) {
    Clear(to_.get(), kTile * work.value_width());
    Clear(means_.get(), kTile * kLanes);
  }

  void AddTile(int64_t t) {
    const Panel<const float> kt = k_.LoadTransposed(work_.x.k, t);
    Mul<float>(Wide(q_), kt, Square(s_));  // S = Q Kᵀ
    Clear(ts_.get(), kTile * kTile);
    if (tangents_.q) MulAdd<float>(Wide(tq_), kt, Square(ts_));  // Ṡ = Q̇ Kᵀ + Q K̇ᵀ
    if (tangents_.k) MulAdd<float>(Wide(q_), k_.LoadTransposed(tangents_.k, t), Square(ts_));
    const float scale = work_.spec.scale, cap = work_.spec.softcap;
    for (size_t r = 0; r < block_.rows(); ++r) {
      const auto clip = [&](int64_t key) {
        return static_cast<size_t>(std::clamp<int64_t>(key - t * kTileKeys, 0, kTileKeys));
      };
      ScaleAndMask(Square(s_).Row(r), clip(ranges_[r].begin), clip(ranges_[r].end), scale, cap);
      Probabilities(Square(s_).Row(r), result_.lse.data<float>()[work_.Place(block_, r)], Square(p_).Row(r));
      WeighRow(Square(p_).Row(r), Square(s_).Row(r), scale, cap, Square(ts_).Row(r), means_.get() + r * kLanes);
    }
    MulAdd<float>(Square(ts_), v_.Load(work_.x.v, t), Outputs(to_));                    // (P ∘ Ṡ) V
    if (tangents_.v) MulAdd<float>(Square(p_), v_.Load(tangents_.v, t), Outputs(to_));  // P V̇
  }

  bool Sees(int64_t t) const {
    return std::ranges::any_of(ranges_, [t](const KeyRange& range) {
      return range.begin < (t + 1) * kTileKeys && range.end > t * kTileKeys && range.begin < range.end;
    });
  }

  void Store(Tensor& out) {
    const size_t width = work_.value_width();
    for (size_t r = 0; r < block_.rows(); ++r) {
      float mean = SumLanes(means_.get() + r * kLanes);
      const size_t place = work_.Place(block_, r);
      if (tangents_.sinks) {
        const size_t head = static_cast<size_t>(work_.Head(block_, r));
        mean += std::exp(work_.sinks[head] - result_.lse.data<float>()[place]) * tangents_.sinks.data<float>()[head];
      }
      MixRows(1, Outputs(to_).Row(r), -mean, Outputs(o_).Row(r), width);
      StoreRow(Outputs(to_).Row(r), out.dtype(),
               out.mutable_raw() + BytesFor(out.dtype(), static_cast<int64_t>(place * work_.value_dim)),
               work_.value_dim);
    }
  }

 private:
  // These rows of a tensor like q, where there is one.
  Buffer<float> Rows(const Tensor& x, size_t width) const {
    Buffer<float> rows = NewBuffer<float>(kTile * width);
    if (x) LoadBlock(work_, block_, x, Tile<float>{rows.get(), kTile, width, width});
    return rows;
  }
  Tile<float> Wide(const Buffer<float>& x) const {
    return {x.get(), block_.rows(), work_.key_width(), work_.key_width()};
  }
  Tile<float> Outputs(const Buffer<float>& x) const {
    return {x.get(), block_.rows(), work_.value_width(), work_.value_width()};
  }
  Tile<float> Square(const Buffer<float>& x) const { return {x.get(), block_.rows(), kTile, kTile}; }

  const AttentionWork& work_;
  const AttentionResult& result_;
  const AttentionOperands& tangents_;
  const RowBlock& block_;
  Operand k_, v_;
  std::vector<KeyRange> ranges_;
  Buffer<float> q_, tq_, o_, s_, p_, ts_, to_, means_;
};

}  // namespace

// Ȯ of a block of at most 64 rows. Undefined tangents are zero.
void OutputTangent(const AttentionWork& work, const AttentionResult& result, const AttentionOperands& tangents,
                   const RowBlock& block, Tensor& out) {
  TangentBlock rows(work, result, tangents, block);
  const int64_t key_count = work.sequences[block.sequence].sequence->key_count;
  for (int64_t t = 0; t * kTileKeys < key_count; ++t) {
    if (rows.Sees(t)) rows.AddTile(t);
  }
  rows.Store(out);
}

}  // namespace tessera::kernels::HWY_NAMESPACE
TESSERA_AFTER_TILES();

#if HWY_ONCE
namespace tessera::kernels {
namespace {

HWY_EXPORT(OutputTangent);

// The textbook serves f64, and trees: their tangents are rare, and small.
bool UsesReference(const AttentionOperands& x, const AttentionSpec& spec) {
  return x.q.dtype() == DType::kF64 || std::ranges::any_of(spec.pattern.sequences, [](const AttentionSequence& s) {
           return !s.tree_parents.empty();
         });
}

}  // namespace

Tensor AttentionJvp(const AttentionOperands& x, const AttentionSpec& spec, const AttentionResult& result,
                    const AttentionOperands& tangents) {
  if (UsesReference(x, spec)) return reference::AttentionJvp(x, spec, result, tangents);
  const AttentionWork work(x, spec, nullptr);
  AttentionOperands narrow = tangents;
  if (narrow.sinks) narrow.sinks = narrow.sinks.Contiguous().To(DType::kF32);
  Tensor out = Tensor::Empty(result.o.shape(), result.o.dtype());
  const std::vector<RowBlock> blocks = work.Blocks(kTileKeys);
  ParallelFor(static_cast<int64_t>(blocks.size()), [&](int64_t i) {
    TESSERA_DISPATCH(OutputTangent)(work, result, narrow, blocks[static_cast<size_t>(i)], out);
  });
  return out;
}

}  // namespace tessera::kernels
#endif  // HWY_ONCE
