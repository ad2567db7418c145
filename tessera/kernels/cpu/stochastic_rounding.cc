// Philox (core/random.h) for sixteen counters side by side, in plain loops that the compiler turns into each
// instruction set's vectors: its products of 32 bits are what Highway has no single name for.

#include "tessera/kernels/stochastic_rounding.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tessera/kernels/cpu/stochastic_rounding.cc"
#include "tessera/kernels/cpu/targets.h"
// after targets.h:
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef TESSERA_KERNELS_CPU_STOCHASTIC_ROUNDING_CC_ONCE
#define TESSERA_KERNELS_CPU_STOCHASTIC_ROUNDING_CC_ONCE
namespace tessera::kernels {
namespace {

constexpr int64_t kCounters = 16, kPiece = 8 * kCounters;  // a block of Philox serves eight values

struct RoundArgs {
  const uint32_t* x;
  uint16_t* y;
  int64_t begin, end;  // values; begin is a multiple of kPiece
  RoundingNoise noise;
};

}  // namespace
}  // namespace tessera::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {

// words[w][b]: word w of block first + b under the noise's key
void Blocks(uint64_t first, const RoundingNoise& noise, uint32_t (&words)[4][kCounters]) {
  uint32_t(&c)[4][kCounters] = words;
  for (int64_t b = 0; b < kCounters; ++b) {
    const uint64_t block = first + static_cast<uint64_t>(b);
    c[0][b] = static_cast<uint32_t>(block);
    c[1][b] = static_cast<uint32_t>(block >> 32);
    c[2][b] = static_cast<uint32_t>(noise.stream);
    c[3][b] = static_cast<uint32_t>(noise.stream >> 32);
  }
  uint32_t key0 = static_cast<uint32_t>(noise.seed), key1 = static_cast<uint32_t>(noise.seed >> 32);
  for (int round = 0; round < 10; ++round) {
    for (int64_t b = 0; b < kCounters; ++b) {
      const uint64_t p0 = uint64_t{0xD2511F53} * c[0][b], p1 = uint64_t{0xCD9E8D57} * c[2][b];
      c[0][b] = static_cast<uint32_t>(p1 >> 32) ^ c[1][b] ^ key0;
      c[2][b] = static_cast<uint32_t>(p0 >> 32) ^ c[3][b] ^ key1;
      c[1][b] = static_cast<uint32_t>(p1);
      c[3][b] = static_cast<uint32_t>(p0);
    }
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
}

void RoundPieces(const RoundArgs& args) {
  uint32_t words[4][kCounters], noise[kPiece];
  for (int64_t at = args.begin; at < args.end; at += kPiece) {
    Blocks(static_cast<uint64_t>(at) / 8, args.noise, words);
    for (int64_t b = 0; b < kCounters; ++b)
      for (int64_t w = 0; w < 4; ++w) {
        noise[8 * b + 2 * w] = words[w][b] & 0xFFFF;
        noise[8 * b + 2 * w + 1] = words[w][b] >> 16;
      }
    const int64_t count = args.end - at < kPiece ? args.end - at : kPiece;
    for (int64_t i = 0; i < count; ++i) {
      const uint32_t u = args.x[at + i];
      const bool nan = (u & 0x7FFFFFFF) > 0x7F800000;
      args.y[at + i] = static_cast<uint16_t>((nan ? u | 0x00400000 : u + noise[i]) >> 16);
    }
  }
}

}  // namespace
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "tessera/core/thread_pool.h"

namespace tessera::kernels {

namespace {
HWY_EXPORT(RoundPieces);
}

Tensor RoundStochastically(const Tensor& x, const RoundingNoise& noise) {
  Require(x.dtype() == DType::kF32, "stochastic rounding: x is {}; it must be f32", Name(x.dtype()));
  Tensor y = Tensor::Empty(x.shape(), DType::kBF16);
  const auto in = x.data<float>();
  const auto out = y.mutable_data<BFloat16>();
  constexpr int64_t kGrain = 128;  // pieces
  const int64_t count = x.numel();
  ParallelForRange((count + kPiece - 1) / kPiece, kGrain, [&](int64_t begin, int64_t end) {
    TESSERA_DISPATCH(RoundPieces)
    ({reinterpret_cast<const uint32_t*>(in.data()), reinterpret_cast<uint16_t*>(out.data()), begin * kPiece,
      std::min(end * kPiece, count), noise});
  });
  return y;
}

}  // namespace tessera::kernels
#endif
