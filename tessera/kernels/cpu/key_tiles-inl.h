// Tiles of keys and values as the products of T want them (f32, or bf16 pairs), wherever they come from: a plain tensor
// of any dtype, or pages of any format. What lies in a page in that order is used in its place.
#if defined(TESSERA_KERNELS_CPU_KEY_TILES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_KERNELS_CPU_KEY_TILES_INL_H_
#undef TESSERA_KERNELS_CPU_KEY_TILES_INL_H_
#else
#define TESSERA_KERNELS_CPU_KEY_TILES_INL_H_
#endif

#include <memory>
#include <optional>

#include "tessera/core/storage.h"
#include "tessera/kernels/cpu/byte_tiles-inl.h"
#include "tessera/kernels/cpu/softmax-inl.h"
#include "tessera/kernels/cpu/stored_panels-inl.h"
#include "tessera/kernels/cpu/tile_rows-inl.h"
#include "tessera/kernels/kv_layout.h"

TESSERA_BEFORE_TILES();
namespace tessera::kernels::HWY_NAMESPACE {

template <typename T>
using Buffer = std::shared_ptr<T[]>;
// Not cleared.
template <typename T>
Buffer<T> NewBuffer(size_t count) {
  const auto storage = AllocateStorage(static_cast<int64_t>(count * sizeof(T)));
  return {storage, reinterpret_cast<T*>(storage.get())};
}

// Rows of a plain tensor [rows, heads, dim], from one row and head on.
struct HeadRows {
  const std::byte* data;
  DType dtype;
  size_t stride_bytes, head_bytes;
  size_t dim;

  explicit HeadRows(const Tensor& x, int64_t first_row = 0, int64_t head = 0)
      : data(x.raw() + BytesFor(x.dtype(), (first_row * x.dim(1) + head) * x.dim(2))),
        dtype(x.dtype()),
        stride_bytes(static_cast<size_t>(BytesFor(x.dtype(), x.dim(1) * x.dim(2)))),
        head_bytes(static_cast<size_t>(BytesFor(x.dtype(), x.dim(2)))),
        dim(static_cast<size_t>(x.dim(2))) {}

  // Row r, of head h, into a row of `width` numbers; those beyond dim become 0.
  template <typename T>
  void Load(size_t r, size_t h, T* to, size_t width) const {
    LoadRow(data + r * stride_bytes + h * head_bytes, dtype, to, dim);
    Clear(to + dim, width - dim);
  }
};

// The rows of a block from a tensor like q; those of `to` beyond the block become 0.
template <typename T>
void LoadBlock(const AttentionWork& work, const RowBlock& block, const Tensor& x, Tile<T> to) {
  const HeadRows rows(x);
  for (size_t r = 0; r < block.rows(); ++r)
    rows.Load(static_cast<size_t>(work.QueryRow(block, r)), static_cast<size_t>(work.Head(block, r)), to.Row(r),
              to.cols);
  Clear(to.Row(block.rows()), (to.rows - block.rows()) * to.stride);
}

// The rows of tile t of one key/value head of a plain tensor like k or v, 0 where there is no key: where they lie if
// that is in order, else in `scratch` [64, D'].
template <typename T>
Tile<const T> TileRows(const AttentionWork& work, size_t sequence, int64_t kv_head, const Tensor& x, int64_t t,
                       Tile<T> scratch) {
  const HeadRows rows(x, work.sequences[sequence].first_key + t * kTileKeys, kv_head);
  const size_t count = work.KeysInTile(sequence, t);
  if (count == kTile && rows.dtype == DTypeOf<T> && rows.dim == scratch.cols)
    return {reinterpret_cast<const T*>(rows.data), kTile, rows.dim, rows.stride_bytes / sizeof(T)};
  for (size_t j = 0; j < count; ++j) rows.Load(j, 0, scratch.Row(j), scratch.cols);
  Clear(scratch.Row(count), (kTile - count) * scratch.stride);
  return scratch;
}

// Two bf16 in a 32-bit word, as f32: `low` is the first.
inline void UnpackPairs(const std::byte* pairs, float* low, float* high, size_t count) {
  const Floats df;
  const hn::RebindToUnsigned<Floats> du;
  for (size_t i = 0; i < count; i += kLanes) {
    const auto word = hn::BitCast(du, hn::LoadU(df, reinterpret_cast<const float*>(pairs) + i));
    hn::StoreU(hn::BitCast(df, hn::ShiftLeft<16>(word)), df, low + i);
    hn::StoreU(hn::BitCast(df, hn::And(word, hn::Set(du, 0xffff0000u))), df, high + i);
  }
}

// The blocks of one key/value head in the pages of one sequence.
struct HeadPages {
  const KvPages* pages;
  const AttentionSequence& sequence;
  int64_t kv_head;
  const KvLayout& layout;

  bool Has(int64_t t) const { return t * kTileKeys < sequence.key_count; }
  const std::byte* Block(int64_t t) const {
    return pages->base + sequence.pages[static_cast<size_t>(t)] * layout.page_bytes + kv_head * layout.head_bytes;
  }
  // From a place in block t to that in the next one.
  ReadAhead Ahead(int64_t t) const { return {Has(t + 1) ? Block(t + 1) - Block(t) : 0}; }
};

// The keys and values of one key/value head of one sequence, a tile of 64 positions at a time.
template <typename T>
class KeyTiles {
 public:
  KeyTiles(const AttentionWork& work, size_t sequence, int64_t kv_head)
      : work_(work),
        sequence_(sequence),
        kv_head_(kv_head),
        kt_(NewBuffer<T>(work.key_width() * kTile)),
        v_(NewBuffer<T>(work.value_width() * kTile)),
        rows_(NewBuffer<T>(work.pages && !work.pages->format.values_in_keys
                               ? 0
                               : kTile * std::max(work.key_width(), work.value_width()))) {
    if (work.pages) layout_.emplace(work.pages->format);
    if (layout_ && layout_->dtype == DType::kQ8_0)
      scales_ = NewBuffer<float>(kTile * ((work.key_dim + 31) / 32 + (work.value_dim + 31) / 32));
    const size_t count = static_cast<size_t>(work.sequences[sequence].sequence->key_count);
    if (work.pages || count == 0) return;
    const HeadRows k(work.x.k, work.sequences[sequence].first_key, kv_head);
    const HeadRows v(work.x.v, work.sequences[sequence].first_key, kv_head);
    prefetched_ = {count, k.data, v.data, k.stride_bytes, v.stride_bytes, k.head_bytes, v.head_bytes};
  }

  struct View {
    Panel<const T> kt, v;  // Kᵀ [D, 64], V [64, Dv']; positions without a key hold anything
  };

  // Valid until the next call.
  View Load(int64_t t) {
    if (work_.pages) return LoadPage(t);
    // Rows of whole words are packed where they lie, though they are no whole number of vectors.
    const size_t key_width = work_.key_width(), depth = work_.key_dim % kPerWord<T> == 0 ? work_.key_dim : key_width;
    const Tile<T> k{rows_.get(), kTile, depth, key_width}, v{rows_.get(), kTile, work_.value_dim, work_.value_width()};
    PackTransposed<T>(TileRows(work_, sequence_, kv_head_, work_.x.k, t, k), Keys());
    Pack(TileRows(work_, sequence_, kv_head_, work_.x.v, t, v), Values());
    return {Keys(), Values()};
  }

  // Whether WithStored may be called. (Pairs of bf16 become f32 only in a tile.)
  bool CanStayStored() const {
    return layout_ && !layout_->rows &&
           (layout_->dtype == DTypeOf<T> || layout_->dtype == DType::kF16 || layout_->dtype == DType::kQ8_0);
  }
  // body(kt, v) with the tile's keys and values as they lie in their page (stored_panels-inl.h), for a product of few
  // rows. They give the bits of Load's.
  template <typename Body>
  void WithStored(int64_t t, const Body& body) const {
    const std::byte *block = Page(t), *keys = block + layout_->keys, *values = block + layout_->values;
    const ReadAhead ahead = Pages().Ahead(t);
    const size_t width = work_.value_width();
    if (layout_->dtype == DTypeOf<T>) {
      return body(StoredPanel<T>{{reinterpret_cast<const T*>(keys), work_.key_dim, kTile, kTile}, ahead},
                  StoredPanel<T>{{reinterpret_cast<const T*>(values), kTile, width, width}, ahead});
    }
    if constexpr (kPerWord<T> == 1) {
      if (layout_->dtype == DType::kF16)
        return body(HalfPanel{keys, work_.key_dim, kTile, ahead}, HalfPanel{values, kTile, width, ahead});
      const size_t key_blocks = (work_.key_dim + 31) / 32, value_blocks = (work_.value_dim + 31) / 32;
      LoadRow(block + layout_->key_scales, DType::kF16, scales_.get(), key_blocks * kTile);
      float* value_scales = scales_.get() + key_blocks * kTile;
      LoadRow(block + layout_->value_scales, DType::kF16, value_scales, kTile * value_blocks);
      body(ByteKeys{keys, scales_.get(), work_.key_dim, kTile, ahead},
           ByteValues{values, value_scales, kTile, width, ahead});
    }
  }

#if HWY_TARGET == HWY_AVX3
  // Whether WithValueRows may be called.
  bool HasValueRows() const { return kPerWord<T> == 2 && layout_ && layout_->rows && layout_->dtype == DType::kBF16; }
  // body(kt, v) with the values as the rows that they are, for a product of few rows: packing them would take as long.
  // They give the bits of Load's.
  template <typename Body>
  void WithValueRows(int64_t t, const Body& body) {
    const Tile<const T> rows = PageRows(t);
    PackTransposed(rows, Keys());
    body(Panel<const T>(Keys()), RowPairs{rows.data, kTile, work_.value_width(), rows.stride, Pages().Ahead(t)});
  }
#endif

  // Asks for tile t, if there is one: for row j of a plain tensor, or, with j = 0, for the beginning of a page. Rows of
  // one head, and pages, lie too far apart for the processor to guess. Stored panels ask themselves.
  void Prefetch(int64_t t, size_t j) const {
    if (work_.pages) {
      if (j > 0 || !Pages().Has(t)) return;
      const std::byte* block = Page(t);
      const int64_t bytes = std::min<int64_t>(layout_->head_bytes, kFirstBytes);
      for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(block + i, 0, 2);
      return;
    }
    const size_t row = static_cast<size_t>(t) * kTile + j;
    if (j >= kTile || row >= prefetched_.count) return;
    for (size_t i = 0; i < prefetched_.key_bytes; i += 64)
      __builtin_prefetch(prefetched_.k + row * prefetched_.key_stride + i, 0, 2);
    for (size_t i = 0; i < prefetched_.value_bytes; i += 64)
      __builtin_prefetch(prefetched_.v + row * prefetched_.value_stride + i, 0, 2);
  }

 private:
  static constexpr int64_t kFirstBytes = 4096;

  Panel<T> Keys() const { return {kt_.get(), work_.key_dim, kTile, kTile}; }
  Panel<T> Values() const {
    const size_t width = work_.value_width();
    return {v_.get(), kTile, width, width, width - work_.value_dim >= kColumnStep / 2};
  }

  HeadPages Pages() const { return {work_.pages, *work_.sequences[sequence_].sequence, kv_head_, *layout_}; }
  const std::byte* Page(int64_t t) const { return Pages().Block(t); }

  View LoadPage(int64_t t) {
    const KvLayout& layout = *layout_;
    if (layout.rows) return LoadRows(t);
    const std::byte* block = Page(t);
    View view{Keys(), Values()};
    if (layout.dtype == DTypeOf<T>) {
      view.kt.data = reinterpret_cast<const T*>(block);
      view.v.data = reinterpret_cast<const T*>(block + layout.values);
    } else {
      if constexpr (kPerWord<T> == 1) Convert(t);
    }
    return view;
  }

  // A page whose values are the beginning of its keys. In f32 its rows are the panel of values as they are.
  View LoadRows(int64_t t) {
    const Tile<const T> rows = PageRows(t);
    PackTransposed(rows, Keys());
    if constexpr (kPerWord<T> == 1) {
      return {Keys(), Panel<const T>{rows.data, kTile, work_.value_width(), rows.stride}};
    } else {
      Pack(Tile<const T>{rows.data, kTile, work_.value_width(), rows.stride}, Values());
      return {Keys(), Values()};
    }
  }

  // The rows [64, D'] of such a page: where they lie, or as f32.
  Tile<const T> PageRows(int64_t t) {
    const std::byte* block = Page(t);
    const size_t width = work_.key_width(), depth = work_.key_dim;
    if (layout_->dtype == DTypeOf<T>) return {reinterpret_cast<const T*>(block), kTile, width, width};
    if constexpr (kPerWord<T> == 1) {
      if (layout_->dtype == DType::kQ8_0) {
        const size_t blocks = (depth + 31) / 32;
        LoadRow(block + layout_->key_scales, DType::kF16, scales_.get(), kTile * blocks);
        StorePanel(ByteRows{block, scales_.get(), kTile, width, blocks}, rows_.get());
      } else {
        LoadRow(block, layout_->dtype, rows_.get(), kTile * width);
      }
    }
    return {rows_.get(), kTile, width, width};
  }

  // A page of another dtype, as f32.
  void Convert(int64_t t) {
    const size_t width = work_.value_width();
    float *kt = kt_.get(), *v = v_.get();
    if (layout_->dtype == DType::kBF16) {
      const std::byte* block = Page(t);
      const size_t bytes = sizeof(uint32_t);
      for (size_t d = 0; d < work_.key_dim; d += 2)
        UnpackPairs(block + d / 2 * kTile * bytes, kt + d * kTile, kt + (d + 1) * kTile, kTile);
      for (size_t j = 0; j < kTile; j += 2)
        UnpackPairs(block + layout_->values + j / 2 * width * bytes, v + j * width, v + (j + 1) * width, width);
    } else {
      WithStored(t, [&](const auto& keys, const auto& values) {
        StorePanel(keys, kt);
        StorePanel(values, v);
      });
    }
  }

  template <class B>
  static void StorePanel(const B& panel, float* to) {
    for (size_t u = 0; u < panel.depth; ++u) {
      for (size_t c = 0; c < panel.cols; c += kLanes) hn::StoreU(panel.Load(u, c), Floats(), to + u * panel.cols + c);
    }
  }

  const AttentionWork& work_;
  size_t sequence_;
  int64_t kv_head_;
  Buffer<T> kt_, v_, rows_;
  std::optional<KvLayout> layout_;  // of pages
  Buffer<float> scales_;            // of a page of q8_0, in f32
  struct {
    size_t count = 0;  // of rows; none in pages
    const std::byte *k = nullptr, *v = nullptr;
    size_t key_stride = 0, value_stride = 0, key_bytes = 0, value_bytes = 0;
  } prefetched_;
};

#if HWY_TARGET == HWY_AVX3
// Of pages of q8_0, as they lie; scales in f32.
template <>
class KeyTiles<int8_t> {
 public:
  KeyTiles(const AttentionWork& work, size_t sequence, int64_t kv_head)
      : work_(work),
        layout_(work.pages->format),
        pages_{work.pages, *work.sequences[sequence].sequence, kv_head, layout_},
        key_blocks_((work.key_dim + kByteBlock - 1) / kByteBlock),
        value_blocks_((work.value_dim + kByteBlock - 1) / kByteBlock),
        scales_(NewBuffer<float>(kTile * (key_blocks_ + value_blocks_))) {}

  struct View {
    ByteTile kt, v;
  };

  // Valid until the next call.
  View Load(int64_t t) {
    const std::byte* block = pages_.Block(t);
    const ReadAhead ahead = pages_.Ahead(t);
    float* value_scales = scales_.get() + key_blocks_ * kTile;
    ahead.Ask(block, static_cast<size_t>(layout_.keys));  // scales
    LoadRow(block + layout_.key_scales, DType::kF16, scales_.get(), key_blocks_ * kTile);
    LoadRow(block + layout_.value_scales, DType::kF16, value_scales, value_blocks_ * kTile);
    const auto codes = [&](int64_t at) { return reinterpret_cast<const int8_t*>(block + at); };
    return {{codes(layout_.keys), scales_.get(), work_.key_dim, kTile, ahead},
            {codes(layout_.values), value_scales, kTile, work_.value_width(), ahead}};
  }

 private:
  const AttentionWork& work_;
  KvLayout layout_;
  HeadPages pages_;
  size_t key_blocks_, value_blocks_;
  Buffer<float> scales_;
};
#endif

}  // namespace tessera::kernels::HWY_NAMESPACE
TESSERA_AFTER_TILES();

#endif  // include guard of the instruction set
