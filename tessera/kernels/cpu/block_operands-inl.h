// What a block of rows brings to attention's products, and its own copies of values, for each kind T of number that the
// products take: float, BFloat16, or int8_t, the codes of q8_0 pages (byte_tiles-inl.h).
// Included once an instruction set, like tile-inl.h.
#if defined(TESSERA_KERNELS_CPU_BLOCK_OPERANDS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_KERNELS_CPU_BLOCK_OPERANDS_INL_H_
#undef TESSERA_KERNELS_CPU_BLOCK_OPERANDS_INL_H_
#else
#define TESSERA_KERNELS_CPU_BLOCK_OPERANDS_INL_H_
#endif

#include "tessera/kernels/cpu/key_tiles-inl.h"

TESSERA_BEFORE_TILES();
namespace tessera::kernels::HWY_NAMESPACE {

template <typename T>
constexpr bool kIsBytes = std::is_same_v<T, int8_t>;

// P is kept in T; weights of bytes are rounded when they meet the values' scales.
template <typename T>
using WeightOf = std::conditional_t<kIsBytes<T>, float, T>;

// The queries of a block.
template <typename T>
class BlockQueries {
 public:
  BlockQueries(const AttentionWork& work, const RowBlock& block)
      : data_(NewBuffer<T>(block.rows() * work.key_width())),
        rows_{data_.get(), block.rows(), work.key_width(), work.key_width()} {
    LoadBlock(work, block, work.x.q, rows_);
  }

  // S = Q Kᵀ of rows r0 … r0 + s.rows - 1.
  template <class Keys>
  void Scores(size_t r0, const Keys& kt, Tile<float> s) const {
    Mul<T>(rows_.Rows(r0, s.rows), kt, s);
  }

 private:
  Buffer<T> data_;
  Tile<T> rows_;
};

// O += P V. `first`: these are the first rows that meet the tile.
template <typename T, class Values>
void AddWeighted(Tile<const T> p, const Values& v, Tile<float> o, bool) {
  MulAdd<T>(p, v, o);
}

// A tile of values of its own, picked from other tiles.
template <typename T>
class OwnValues {
 public:
  explicit OwnValues(size_t width)
      : numbers_(NewBuffer<T>(kTile * width)), panel_{numbers_.get(), kTile, width, width} {}

  Panel<const T> view() const { return panel_; }
  void Copy(const Panel<const T>& from) {
    for (size_t u = 0; u < panel_.steps(); ++u)
      std::memcpy(static_cast<void*>(panel_.Step(u)), from.Step(u), panel_.cols * sizeof(float));
  }
  void CopyRow(const Panel<const T>& from, size_t row, size_t to) {
    for (size_t c = 0; c < panel_.cols; ++c) panel_.At(to, c) = from.At(row, c);
  }
  void ClearRow(size_t to) {
    for (size_t c = 0; c < panel_.cols; ++c) panel_.At(to, c) = T(0.0f);
  }

 private:
  Buffer<T> numbers_;
  Panel<T> panel_;
};

#if HWY_TARGET == HWY_AVX3
template <>
class BlockQueries<int8_t> {
 public:
  BlockQueries(const AttentionWork& work, const RowBlock& block) : queries_(block.rows(), work.key_dim) {
    const size_t width = work.key_width();
    const Buffer<float> numbers = NewBuffer<float>(block.rows() * width);
    LoadBlock<float>(work, block, work.x.q, {numbers.get(), block.rows(), width, width});
    for (size_t r = 0; r < block.rows(); ++r) queries_.Set(r, numbers.get() + r * width, work.key_dim);
  }

  void Scores(size_t r0, const ByteTile& kt, Tile<float> s) const { queries_.Scores(r0, kt, s); }

 private:
  ByteQueries queries_;
};

inline void AddWeighted(Tile<const float> p, const ByteTile& v, Tile<float> o, bool first) { AddBytes(p, v, o, first); }

template <>
class OwnValues<int8_t> {
 public:
  explicit OwnValues(size_t width)
      : width_(width),
        blocks_((width + kByteBlock - 1) / kByteBlock),
        codes_(NewBuffer<int8_t>(kTile * width)),
        scales_(NewBuffer<float>(kTile * blocks_)) {}

  ByteTile view() const { return {codes_.get(), scales_.get(), kTile, width_, {}}; }
  void Copy(const ByteTile& from) {
    std::memcpy(codes_.get(), from.codes, kTile * width_);
    std::memcpy(scales_.get(), from.scales, kTile * blocks_ * sizeof(float));
  }
  void CopyRow(const ByteTile& from, size_t row, size_t to) {
    for (size_t c = 0; c < width_; ++c) codes_[Place(to, c)] = from.codes[Place(row, c)];
    for (size_t b = 0; b < blocks_; ++b) scales_[b * kTile + to] = from.scales[b * kTile + row];
  }
  void ClearRow(size_t to) {
    for (size_t c = 0; c < width_; ++c) codes_[Place(to, c)] = 0;
    for (size_t b = 0; b < blocks_; ++b) scales_[b * kTile + to] = 0;
  }

 private:
  size_t Place(size_t row, size_t c) const { return (row / 4 * width_ + c) * 4 + row % 4; }

  size_t width_, blocks_;
  Buffer<int8_t> codes_;
  Buffer<float> scales_;
};
#endif

}  // namespace tessera::kernels::HWY_NAMESPACE
TESSERA_AFTER_TILES();

#endif  // include guard of the instruction set
