// Tiles of keys and values as f32, wherever they come from: a plain tensor of any dtype, or pages of any format.
#if defined(TESSERA_KERNELS_CPU_KEY_TILES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_KERNELS_CPU_KEY_TILES_INL_H_
#undef TESSERA_KERNELS_CPU_KEY_TILES_INL_H_
#else
#define TESSERA_KERNELS_CPU_KEY_TILES_INL_H_
#endif

#include <hwy/aligned_allocator.h>

#include "tessera/kernels/cpu/attention_work.h"
#include "tessera/kernels/cpu/tile-inl.h"
#include "tessera/kernels/kv_layout.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {

using Buffer = hwy::AlignedFreeUniquePtr<float[]>;
inline Buffer NewBuffer(size_t floats) { return hwy::AllocateAligned<float>(std::max<size_t>(floats, 1)); }

constexpr size_t kTile = static_cast<size_t>(kTileKeys);

// Rows of one head of a plain tensor [rows, heads, dim].
struct HeadRows {
  const std::byte* data;
  DType dtype;
  size_t stride_bytes;
  size_t dim;

  HeadRows(const Tensor& x, int64_t first_row, int64_t head)
      : data(x.raw() + BytesFor(x.dtype(), (first_row * x.dim(1) + head) * x.dim(2))),
        dtype(x.dtype()),
        stride_bytes(static_cast<size_t>(BytesFor(x.dtype(), x.dim(1) * x.dim(2)))),
        dim(static_cast<size_t>(x.dim(2))) {}

  // Rows begin … begin + to.rows - 1 as f32; the columns beyond dim become 0.
  void Load(size_t begin, Tile<float> to) const {
    for (size_t r = 0; r < to.rows; ++r) {
      LoadRow(data + (begin + r) * stride_bytes, dtype, to.Row(r), dim);
      Clear(to.Row(r) + dim, to.cols - dim);
    }
  }
};

// Two bf16 in a 32-bit word, as f32: `low` is the first.
inline void UnpackPairs(const uint32_t* words, float* low, float* high, size_t count) {
  const Floats df;
  const hn::RebindToUnsigned<Floats> du;
  for (size_t i = 0; i < count; i += kLanes) {
    const auto word = hn::LoadU(du, words + i);
    hn::StoreU(hn::BitCast(df, hn::ShiftLeft<16>(word)), df, low + i);
    hn::StoreU(hn::BitCast(df, hn::And(word, hn::Set(du, 0xffff0000u))), df, high + i);
  }
}

// The keys and values of one key/value head of one sequence, a tile of 64 positions at a time.
class KeyTiles {
 public:
  KeyTiles(const AttentionWork& work, size_t sequence, int64_t kv_head)
      : work_(work),
        sequence_(*work.sequences[sequence].sequence),
        first_key_(work.sequences[sequence].first_key),
        kv_head_(kv_head),
        rows_(NewBuffer(work.pages ? 0 : kTile * work.key_width())) {}

  struct View {
    Tile<const float> kt, v;  // Kᵀ [D, 64], V [64, Dv']
  };

  // Tile t, in the scratch given (Kᵀ: D rounded up to even, times 64; V: 64 · Dv') or where it lies in its page.
  View Load(int64_t t, float* kt, float* v) const {
    const size_t width = work_.value_width();
    if (work_.pages) {
      LoadPage(t, kt, v);
    } else {
      LoadKeys(t, work_.x.k, kt, nullptr);
      LoadValues(t, work_.x.v, v);
    }
    return {{kt, work_.key_dim, kTile, kTile}, {v, kTile, width, width}};
  }

  // The tile of a plain tensor like k, transposed and, where `rows` [64, D'] is given, as it is.
  void LoadKeys(int64_t t, const Tensor& k, float* kt, float* rows) const {
    const size_t count = Count(t), width = work_.key_width();
    const Tile<float> to{rows ? rows : rows_.get(), count, width, width};
    HeadRows(k, first_key_ + t * kTileKeys, kv_head_).Load(0, to);
    if (rows) Clear(rows + count * width, (kTile - count) * width);
    TransposeInto(to.Cols(0, work_.key_dim), {kt, work_.key_dim, kTile, kTile});
    for (size_t d = 0; d < work_.key_dim; ++d) Clear(kt + d * kTile + count, kTile - count);
  }
  void LoadValues(int64_t t, const Tensor& v, float* rows) const {
    const size_t count = Count(t), width = work_.value_width();
    HeadRows(v, first_key_ + t * kTileKeys, kv_head_).Load(0, {rows, count, width, width});
    Clear(rows + count * width, (kTile - count) * width);
  }

  // Keys that exist in tile t.
  size_t Count(int64_t t) const {
    return static_cast<size_t>(std::min(kTileKeys, sequence_.key_count - t * kTileKeys));
  }

 private:
  void LoadPage(int64_t t, float*& kt, float*& v) const {
    const KvLayout layout(work_.pages->format);
    std::byte* block = work_.pages->base + sequence_.pages[static_cast<size_t>(t)] * work_.pages->format.page_bytes() +
                       kv_head_ * layout.head_bytes;
    const size_t key_count = work_.key_dim * kTile, width = work_.value_width();
    switch (layout.dtype) {
      case DType::kF32:
        kt = reinterpret_cast<float*>(block), v = reinterpret_cast<float*>(block + layout.values);
        return;
      case DType::kBF16:
        for (size_t d = 0; d < work_.key_dim; d += 2)
          UnpackPairs(reinterpret_cast<const uint32_t*>(block) + d / 2 * kTile, kt + d * kTile, kt + (d + 1) * kTile,
                      kTile);
        for (size_t j = 0; j < kTile; j += 2)
          UnpackPairs(reinterpret_cast<const uint32_t*>(block + layout.values) + j / 2 * width, v + j * width,
                      v + (j + 1) * width, width);
        return;
      case DType::kF16:
        LoadRow(block, DType::kF16, kt, key_count);
        LoadRow(block + layout.values, DType::kF16, v, kTile * width);
        return;
      default:
        return LoadQuantized(layout, block, kt, v);
    }
  }

  void LoadQuantized(const KvLayout& layout, const std::byte* block, float* kt, float* v) const {
    const size_t width = work_.value_width(), blocks = (work_.value_dim + 31) / 32;
    const int8_t* keys = reinterpret_cast<const int8_t*>(block);
    const int8_t* values = reinterpret_cast<const int8_t*>(block + layout.values);
    float scale[kTile];
    for (size_t d = 0; d < work_.key_dim; ++d) {
      if (d % 32 == 0) LoadRow(block + layout.key_scales + d / 32 * kTile * 2, DType::kF16, scale, kTile);
      for (size_t j = 0; j < kTile; ++j) kt[d * kTile + j] = scale[j] * static_cast<float>(keys[d * kTile + j]);
    }
    for (size_t j = 0; j < kTile; ++j) {
      LoadRow(block + layout.value_scales + j * blocks * 2, DType::kF16, scale, blocks);
      for (size_t d = 0; d < work_.value_dim; d += 32) {
        const size_t end = d + 32 < width ? d + 32 : width;
        for (size_t i = d; i < end; ++i) v[j * width + i] = scale[d / 32] * static_cast<float>(values[j * width + i]);
      }
    }
  }

  const AttentionWork& work_;
  const AttentionSequence& sequence_;
  int64_t first_key_, kv_head_;
  Buffer rows_;
};

}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard of the instruction set
