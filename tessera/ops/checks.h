#pragma once
// Checks that the operators share. Each throws Error "where: …".

#include <span>
#include <string_view>

#include "tessera/core/tensor.h"

namespace tessera::ops {

// `x` is a contiguous tensor of f64, f32, bf16 or f16.
inline void RequireFloat(std::string_view where, const Tensor& x) {
  Require(x.defined(), "{}: an operand is undefined", where);
  Require(Info(x.dtype()).is_float, "{}: {} values are not floating point; Cast them first", where, Name(x.dtype()));
  Require(x.contiguous(), "{}: an operand of shape {} is not contiguous; call Contiguous() first", where, x.shape());
}

inline void RequireSameDType(std::string_view where, const Tensor& a, const Tensor& b) {
  Require(a.dtype() == b.dtype(), "{}: operands are {} and {}; Cast one of them", where, Name(a.dtype()),
          Name(b.dtype()));
}

// Each index names one of `count` rows.
inline void RequireRows(std::string_view where, std::span<const int64_t> rows, int64_t count) {
  for (size_t i = 0; i < rows.size(); ++i)
    Require(0 <= rows[i] && rows[i] < count, "{}: index {} at place {} is outside 0 … {}", where, rows[i], i,
            count - 1);
}

}  // namespace tessera::ops
