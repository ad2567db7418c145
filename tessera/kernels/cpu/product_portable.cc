// Float and integer products in plain C++ for any processor: sixteen lanes as an array, which compilers turn into the
// vectors of the baseline (SSE2, NEON).

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "tessera/kernels/cpu/product_kernels.h"
#include "tessera/kernels/quant_blocks.h"

namespace tessera::kernels {
namespace {

struct PortableLanes {
  struct F {
    float lane[16];
  };
  struct I {
    int32_t lane[16];
  };
  struct W {
    uint8_t byte[64];
  };
  static constexpr bool kPairs = false;
  static constexpr int kIntegerRows = 2;
  static constexpr int kDirectRows = 0;
  static constexpr size_t kTileForms = 1;  // of a scale in a tile: the scale alone
  static constexpr bool kWideDotSubtractsZero = false;
  static constexpr bool kPairedMinimums = false;

  template <typename Body>
  static F Each(Body body) {
    F x;
    for (int i = 0; i < 16; ++i) x.lane[i] = body(i);
    return x;
  }
  template <typename Body>
  static W EachByte(Body body) {
    W x;
    for (int i = 0; i < 64; ++i) x.byte[i] = static_cast<uint8_t>(body(i));
    return x;
  }

  static F Zero() { return F{}; }
  static F Set(float x) {
    return Each([=](int) { return x; });
  }
  static F Load(const float* p) { return LoadUpTo(p, 16); }
  static void Store(F x, float* p) { std::memcpy(p, x.lane, sizeof(x)); }
  static F LoadUpTo(const float* p, int n) {
    F x{};
    std::memcpy(x.lane, p, sizeof(float) * static_cast<size_t>(n));
    return x;
  }
  static void StoreUpTo(F x, float* p, int n) { std::memcpy(p, x.lane, sizeof(float) * static_cast<size_t>(n)); }
  static F Mul(const F& x, const F& y) {
    return Each([&](int i) { return x.lane[i] * y.lane[i]; });
  }
  static F MulAdd(const F& x, const F& y, const F& z) {  // rounds twice: the baseline need not have FMA
    return Each([&](int i) { return x.lane[i] * y.lane[i] + z.lane[i]; });
  }
  static F Negate(const F& x) {
    return Each([&](int i) { return -x.lane[i]; });
  }
  static F LoadF16(const void* p) {
    return Each([=](int i) { return OneF16(ReadAs<uint16_t>(static_cast<const std::byte*>(p) + 2 * i)); });
  }
  static float OneF16(uint16_t bits) { return Float16::ToFloat(bits); }
  static F EvenBf16(const uint16_t* p) {
    return Each([=](int i) { return std::bit_cast<float>(static_cast<uint32_t>(p[2 * i]) << 16); });
  }
  static F OddBf16(const uint16_t* p) {
    return Each([=](int i) { return std::bit_cast<float>(static_cast<uint32_t>(p[2 * i + 1]) << 16); });
  }
  static F LoadU8(const void* p) {
    return Each([=](int i) { return static_cast<float>(static_cast<const uint8_t*>(p)[i]); });
  }
  static F LoadLowNibbles(const void* p) {
    return Each([=](int i) { return static_cast<float>(static_cast<const uint8_t*>(p)[i] & 15); });
  }
  static F LoadHighNibbles(const void* p) {
    return Each([=](int i) { return static_cast<float>(static_cast<const uint8_t*>(p)[i] >> 4); });
  }
  static F LoadI8(const void* p) {
    return Each([=](int i) { return static_cast<float>(static_cast<const int8_t*>(p)[i]); });
  }

  static I ZeroI() { return I{}; }
  static I SetI(int32_t x) {
    I sum;
    for (int32_t& lane : sum.lane) lane = x;
    return sum;
  }
  static F ToFloat(const I& x) {
    return Each([&](int i) { return static_cast<float>(x.lane[i]); });
  }
  struct XScale {
    F value;

    XScale(const uint8_t* scale, const uint8_t*) : value(Set(ReadAs<float>(scale))) {}
    F Times(const uint8_t* scales) const { return Mul(Load(reinterpret_cast<const float*>(scales)), value); }
    F Times(const F& scale) const { return Mul(scale, value); }
  };
  static I Dot(I sum, const W& codes, int32_t four) {
    for (int k = 0; k < 4; ++k) {
      const int32_t x = static_cast<int8_t>(four >> (8 * k));
      for (int i = 0; i < 16; ++i) sum.lane[i] += x * codes.byte[4 * i + k];
    }
    return sum;
  }
  static I WideDot(I sum, const W& codes, int32_t four) { return Dot(sum, codes, four); }

  static W LoadW(const uint8_t* p) {
    W x;
    std::memcpy(x.byte, p, sizeof(x));
    return x;
  }
  static void StoreW(const W& x, uint8_t* p) { std::memcpy(p, x.byte, sizeof(x)); }
  static W Or(const W& x, const W& y) {
    return EachByte([&](int i) { return x.byte[i] | y.byte[i]; });
  }
  static W LowNibbles(const W& x) {
    return EachByte([&](int i) { return x.byte[i] & 15; });
  }
  static W HighNibbles(const W& x) {
    return EachByte([&](int i) { return x.byte[i] >> 4; });
  }
  static W OrBit(const W& x, const uint8_t* bits, int at) {
    return EachByte([&](int i) { return x.byte[i] | ((bits[i / 8] >> (i % 8)) & 1) << at; });
  }
  static W TwoBits(const W& x, int p, int at) {
    return EachByte([&](int i) { return ((x.byte[i] >> (2 * p)) & 3) << at; });
  }
  static W Levels(const W& x) {
    return EachByte([&](int i) { return kIQ4Levels[x.byte[i]] + 128; });
  }
  static void PrefetchSoon(const uint8_t* p) { __builtin_prefetch(p); }
  static void PrefetchLater(const std::byte* p) { __builtin_prefetch(p, 0, 2); }

  static float QuantizeBlock(const float* x, int8_t* q, int32_t sums[2]);
};

#include "tessera/kernels/cpu/product_float-inl.h"
#include "tessera/kernels/cpu/product_integer-inl.h"

float PortableLanes::QuantizeBlock(const float* x, int8_t* q, int32_t sums[2]) {
  // As integers, the bits of magnitudes are in order, and NaN is above infinity.
  uint32_t largest = 0;
  for (int i = 0; i < 32; ++i) largest = std::max(largest, std::bit_cast<uint32_t>(x[i]) & 0x7fffffffu);
  const BlockScale s = ScaleOfBlock(std::bit_cast<float>(largest));
  sums[0] = sums[1] = 0;
  for (int i = 0; i < 32; ++i) {
    q[i] = s.inverse == 0 ? int8_t{0} : static_cast<int8_t>(std::lrintf(x[i] * s.inverse));
    sums[i / 16] += q[i];
  }
  return s.scale;
}

}  // namespace

const FloatKernels& PortableFloatKernels() {
  static const FloatKernels table = MakeFloatKernels<PortableLanes>(std::make_integer_sequence<int, 4>());
  return table;
}

const IntegerKernels& PortableIntegerKernels() {
  static const IntegerKernels table = MakeIntegerKernels<PortableLanes>();
  return table;
}

}  // namespace tessera::kernels
