#include "tessera/image/resample_u8.h"

#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tessera/image/resample_u8.cc"
#include "tessera/kernels/cpu/targets.h"
// Before anything else of Highway.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tessera::image::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class D32>
using Bytes = hn::Rebind<uint8_t, D32>;

// A pixel is four lanes, of which the last is the next pixel's red and is overwritten by it; or, where the set has
// single lanes, three steps of one.
void ResampleRgbRow(const uint8_t* from, const FixedTaps& taps, uint8_t* to) {
  const hn::CappedTag<int32_t, 4> d;
  const Bytes<decltype(d)> bytes;
  const size_t lanes = hn::Lanes(d);
  const auto half = hn::Set(d, 1 << (kWeightBits - 1));
  for (int64_t i = 0; i < taps.outputs; ++i, to += 3) {
    const uint8_t* pixels = from + 3 * taps.first[i];
    const int32_t* weights = taps.weights + i * taps.width;
    uint8_t out[4] = {};
    for (size_t c = 0; c < 3; c += lanes) {
      auto sum = half;
      for (int64_t j = 0; j < taps.count[i]; ++j)
        sum = hn::Add(sum, hn::Mul(hn::PromoteTo(d, hn::LoadU(bytes, pixels + 3 * j + c)), hn::Set(d, weights[j])));
      hn::StoreU(hn::DemoteTo(bytes, hn::ShiftRight<kWeightBits>(sum)), bytes, out + c);
    }
    std::memcpy(to, out, 3);
  }
}

void BlendRows(const RowsToBlend& in, int64_t n, uint8_t* to) {
  const hn::ScalableTag<int32_t> d;
  const Bytes<decltype(d)> bytes;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto half = hn::Set(d, 1 << (kWeightBits - 1));
  int64_t x = 0;
  for (; x + lanes <= n; x += lanes) {
    auto sum = half;
    for (int64_t j = 0; j < in.count; ++j)
      sum = hn::Add(
          sum, hn::Mul(hn::PromoteTo(d, hn::LoadU(bytes, in.rows + j * in.stride + x)), hn::Set(d, in.weights[j])));
    hn::StoreU(hn::DemoteTo(bytes, hn::ShiftRight<kWeightBits>(sum)), bytes, to + x);
  }
  for (; x < n; ++x) {
    int32_t sum = 1 << (kWeightBits - 1);
    for (int64_t j = 0; j < in.count; ++j) sum += in.rows[j * in.stride + x] * in.weights[j];
    sum >>= kWeightBits;
    to[x] = static_cast<uint8_t>(sum < 0 ? 0 : sum > 255 ? 255 : sum);
  }
}

}  // namespace tessera::image::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::image {

HWY_EXPORT(ResampleRgbRow);
HWY_EXPORT(BlendRows);

void ResampleRgbRow(const uint8_t* from, const FixedTaps& taps, uint8_t* to) {
  TESSERA_DISPATCH(ResampleRgbRow)(from, taps, to);
}

void BlendRows(const RowsToBlend& in, int64_t n, uint8_t* to) { TESSERA_DISPATCH(BlendRows)(in, n, to); }

}  // namespace tessera::image
#endif
