#include "tessera/kernels/cpu/transpose_words.h"

#include <cstring>

namespace tessera::kernels {
namespace {

using Words = uint32_t __attribute__((vector_size(16)));

Words LoadWords(const std::byte* p) {
  Words x;
  std::memcpy(&x, p, sizeof(x));
  return x;
}

}  // namespace

// Four by four: a row's line and the columns' line are both touched once.
void TransposeWords(const std::byte* const* rows, int row_count, int64_t units, int64_t columns, std::byte* out) {
  const int64_t stride = 4 * columns;
  int r = 0;
  for (; r + 4 <= row_count; r += 4) {
    int64_t u = 0;
    for (; u + 4 <= units; u += 4) {
      const Words a = LoadWords(rows[r] + 4 * u), b = LoadWords(rows[r + 1] + 4 * u);
      const Words c = LoadWords(rows[r + 2] + 4 * u), d = LoadWords(rows[r + 3] + 4 * u);
      const Words ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5),
                  ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
      const Words cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5),
                  cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
      const Words turned[4] = {
          __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5), __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7),
          __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5), __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7)};
      for (int i = 0; i < 4; ++i) std::memcpy(out + (u + i) * stride + 4 * r, &turned[i], 16);
    }
    for (; u < units; ++u) {
      for (int i = 0; i < 4; ++i) std::memcpy(out + u * stride + 4 * (r + i), rows[r + i] + 4 * u, 4);
    }
  }
  for (; r < row_count; ++r) {
    for (int64_t u = 0; u < units; ++u) std::memcpy(out + u * stride + 4 * r, rows[r] + 4 * u, 4);
  }
}

}  // namespace tessera::kernels
