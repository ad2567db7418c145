#include "bench/random_weights.h"

#include <cmath>
#include <cstring>

#include "tessera/core/random.h"
#include "tessera/core/thread_pool.h"
#include "tessera/kernels/quant_blocks.h"
#include "tessera/weights/quantize_blocks.h"

namespace tessera::bench {
namespace {

using namespace kernels;

constexpr int64_t kGrain = 4096;  // Philox blocks of 16 bytes that a thread takes at once

void FillWithBits(std::byte* data, int64_t bytes, uint64_t stream) {
  ParallelForRange((bytes + 15) / 16, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const auto low = static_cast<uint32_t>(i), high = static_cast<uint32_t>(i >> 32);
      const auto words = Philox({low, high, static_cast<uint32_t>(stream), static_cast<uint32_t>(stream >> 32)}, {});
      std::memcpy(data + 16 * i, words.data(), static_cast<size_t>(std::min<int64_t>(16, bytes - 16 * i)));
    }
  });
}

// Where a format's codes are not symmetric, their mean times d would add the same to every weight; a sign of d that
// changes from block to block takes it away.
Float16 Signed(float d, Float16 random) { return Float16(random.bits & 1 ? d : -d); }

// Each of these is given a block of random bits and leaves one whose values are d times small numbers of mean 0.
template <typename Block>
void Tame(Block& b, float d) requires requires {
  b.qs;
} &&(!requires { b.scales; }) {
  b.d = Signed(d, b.d);
  if constexpr (std::is_same_v<Block, BlockQ4_1>) b.m = Float16(-7.5f * static_cast<float>(b.d));
  if constexpr (std::is_same_v<Block, BlockQ5_1>) b.m = Float16(-15.5f * static_cast<float>(b.d));
  if constexpr (std::is_same_v<Block, BlockQ8_0>) {
    for (int8_t& q : b.qs) q = q == -128 ? int8_t{127} : q;  // no writer gives -128, and kernels may rely on it
  }
}

void Tame(BlockQ2_K& b, float d) {
  for (uint8_t& part : b.scales) part = static_cast<uint8_t>(0x88 | (part & 7) * 0x11);  // m = s in 8 … 15
  b.d = Float16(d);
  b.dmin = Float16(1.5f * d);
}

void Tame(BlockQ3_K& b, float d) { b.d = Float16(d); }
void Tame(BlockQ6_K& b, float d) { b.d = Float16(d); }
void Tame(BlockIQ4_XS& b, float d) { b.d = Signed(d, b.d); }

template <typename Block>
void TameMinima(Block& b, float d, float mean_code) {
  for (int j = 0; j < 4; ++j) {
    b.scales[j] = b.scales[4 + j] = b.scales[j] | 0xA0;                     // m = s in 32 … 63, parts 0 … 3
    b.scales[8 + j] = static_cast<uint8_t>((b.scales[8 + j] & 15) * 0x11);  // and 4 … 7, with the high bits above
  }
  b.d = Float16(d);
  b.dmin = Float16(mean_code * d);
}
void Tame(BlockQ4_K& b, float d) { TameMinima(b, d, 7.5f); }
void Tame(BlockQ5_K& b, float d) { TameMinima(b, d, 15.5f); }

template <typename Block>
void TameAll(Tensor& x, float d) {
  auto* blocks = reinterpret_cast<Block*>(x.mutable_raw());
  ParallelForRange(x.bytes() / static_cast<int64_t>(sizeof(Block)), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) Tame(blocks[i], d);
  });
}

template <typename Block>
float RootMeanSquareOfUnitBlocks() {
  Tensor sample = Tensor::Empty({1024, Info(kDTypeOfBlock<Block>).block_size}, kDTypeOfBlock<Block>);
  FillWithBits(sample.mutable_raw(), sample.bytes(), 0);
  TameAll<Block>(sample, 1);
  double squares = 0;
  const Tensor values = weights::Dequantize(sample);
  for (const float value : values.data<float>()) squares += double{value} * value;
  return static_cast<float>(std::sqrt(squares / static_cast<double>(sample.numel())));
}

template <typename Block>
void MakeBlocks(Tensor& x, float deviation) {
  static const float unit = RootMeanSquareOfUnitBlocks<Block>();
  TameAll<Block>(x, deviation / unit);
}

// Turns an integer T of random bits in each value's place into a uniform number.
template <typename T, typename Bits>
void MakeUniform(Tensor& x, float deviation) {
  auto* data = x.mutable_raw();
  const float step = std::sqrt(12.0f) * deviation / std::ldexp(1.0f, 8 * sizeof(Bits));
  ParallelForRange(x.numel(), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Bits bits;
      std::memcpy(&bits, data + i * static_cast<int64_t>(sizeof bits), sizeof bits);
      const T value(step * (static_cast<float>(bits) + 0.5f));
      std::memcpy(data + i * static_cast<int64_t>(sizeof bits), &value, sizeof bits);
    }
  });
}

}  // namespace

Tensor RandomWeight(const Shape& shape, DType dtype, float deviation, uint64_t stream) {
  Tensor x = Tensor::Empty(shape, dtype);
  FillWithBits(x.mutable_raw(), x.bytes(), stream);
  switch (dtype) {
    case DType::kF32:
      MakeUniform<float, int32_t>(x, deviation);
      return x;
    case DType::kF16:
      MakeUniform<Float16, int16_t>(x, deviation);
      return x;
    case DType::kBF16:
      MakeUniform<BFloat16, int16_t>(x, deviation);
      return x;
    case DType::kQ4_0:
      MakeBlocks<BlockQ4_0>(x, deviation);
      return x;
    case DType::kQ4_1:
      MakeBlocks<BlockQ4_1>(x, deviation);
      return x;
    case DType::kQ5_0:
      MakeBlocks<BlockQ5_0>(x, deviation);
      return x;
    case DType::kQ5_1:
      MakeBlocks<BlockQ5_1>(x, deviation);
      return x;
    case DType::kQ8_0:
      MakeBlocks<BlockQ8_0>(x, deviation);
      return x;
    case DType::kQ2_K:
      MakeBlocks<BlockQ2_K>(x, deviation);
      return x;
    case DType::kQ3_K:
      MakeBlocks<BlockQ3_K>(x, deviation);
      return x;
    case DType::kQ4_K:
      MakeBlocks<BlockQ4_K>(x, deviation);
      return x;
    case DType::kQ5_K:
      MakeBlocks<BlockQ5_K>(x, deviation);
      return x;
    case DType::kQ6_K:
      MakeBlocks<BlockQ6_K>(x, deviation);
      return x;
    case DType::kIQ4_NL:
      MakeBlocks<BlockIQ4_NL>(x, deviation);
      return x;
    case DType::kIQ4_XS:
      MakeBlocks<BlockIQ4_XS>(x, deviation);
      return x;
    default:
      throw Error(fmt::format("random weights cannot be made in {}; name a float or a block format", Name(dtype)));
  }
}

}  // namespace tessera::bench
