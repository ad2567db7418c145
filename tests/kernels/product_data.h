#pragma once
// Operands for tests of products.

#include <cmath>
#include <cstring>
#include <span>
#include <vector>

#include "tessera/core/random.h"
#include "tessera/core/tensor.h"
#include "tessera/kernels/quant_rows.h"

namespace tessera::kernels {

inline const std::vector<DType>& FloatDTypes() {
  static const std::vector<DType> dtypes = {DType::kF32, DType::kBF16, DType::kF16};
  return dtypes;
}

inline const std::vector<DType>& BlockDTypes() {
  static const std::vector<DType> dtypes = {DType::kQ4_0,   DType::kQ4_1,   DType::kQ5_0, DType::kQ5_1,
                                            DType::kQ8_0,   DType::kQ4_K,   DType::kQ5_K, DType::kQ6_K,
                                            DType::kIQ4_NL, DType::kIQ4_XS, DType::kQ2_K, DType::kQ3_K};
  return dtypes;
}

inline Tensor RandomMatrix(int64_t rows, int64_t cols, uint64_t seed, DType dtype = DType::kF32) {
  Tensor x = Tensor::Empty({rows, cols});
  Random random(seed);
  for (float& value : x.mutable_data<float>()) value = static_cast<float>(random.Normal());
  return x.To(dtype);
}

// A weight [rows, cols] of any dtype: random bytes in block formats, so that every code and scale occurs, with scales
// that are finite and around 1/100.
inline Tensor RandomWeight(int64_t rows, int64_t cols, uint64_t seed, DType dtype) {
  if (!IsQuantized(dtype)) return RandomMatrix(rows, cols, seed, dtype);
  Tensor w = Tensor::Empty({rows, cols}, dtype);
  Random random(seed);
  std::byte* bytes = w.mutable_raw();
  for (int64_t i = 0; i < w.bytes(); ++i) bytes[i] = static_cast<std::byte>(random.Next() & 255);
  const auto set_scale = [&](int64_t at) {
    const Float16 scale(static_cast<float>(0.02 * (random.Uniform() - 0.5)));
    std::memcpy(bytes + at, &scale, 2);
  };
  const int64_t size = Info(dtype).block_bytes;
  for (int64_t block = 0; block < w.bytes(); block += size) {
    const bool at_end = dtype == DType::kQ6_K || dtype == DType::kQ3_K;
    const bool two_at_end = dtype == DType::kQ2_K;
    const bool two = dtype == DType::kQ4_1 || dtype == DType::kQ5_1 || dtype == DType::kQ4_K || dtype == DType::kQ5_K;
    set_scale(at_end ? block + size - 2 : two_at_end ? block + size - 4 : block);
    if (two) set_scale(block + 2);
    if (two_at_end) set_scale(block + size - 2);
  }
  return w;
}

}  // namespace tessera::kernels
