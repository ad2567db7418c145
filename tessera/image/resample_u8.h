#pragma once
// The two inner loops of resizing 8-bit pictures, on the live instruction set. Weights have kWeightBits bits after the
// point; an output is (½ + Σ weight · pixel) >> kWeightBits, clipped to 0 … 255. All sets give the same bits.

#include <cstdint>

namespace tessera::image {

// 8 bits of a pixel and 22 of a weight leave two of 32 for sums that overshoot.
inline constexpr int kWeightBits = 22;

// Output i is made of inputs first[i] … first[i] + count[i] - 1 with weights[i · width + …]. A view; owns nothing.
struct FixedTaps {
  const int64_t* first;
  const int64_t* count;
  const int32_t* weights;
  int64_t width, outputs;
};

// One row of RGB pixels to `taps.outputs` RGB pixels. Reads a byte beyond the last pixel that the taps name.
void ResampleRgbRow(const uint8_t* from, const FixedTaps& taps, uint8_t* to);

// to[x] from rows[j · stride + x], j = 0 … count - 1, for 0 <= x < n.
struct RowsToBlend {
  const uint8_t* rows;
  int64_t stride, count;
  const int32_t* weights;
};
void BlendRows(const RowsToBlend& in, int64_t n, uint8_t* to);

}  // namespace tessera::image
