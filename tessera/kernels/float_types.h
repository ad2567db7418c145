#pragma once
// The four floating types that operators work in, and the type that each computes in.

#include <string_view>
#include <type_traits>

#include "tessera/core/dtype.h"
#include "tessera/core/error.h"

namespace tessera::kernels {

// Sums and functions of f64 values run in f64, those of f32, bf16 and f16 values in f32.
template <typename T>
using ComputeType = std::conditional_t<std::is_same_v<T, double>, double, float>;

// Calls body(T{}) with the floating type of `dtype`; throws Error for any other.
template <typename Body>
decltype(auto) WithFloatType(DType dtype, std::string_view where, Body&& body) {
  switch (dtype) {
    case DType::kF64:
      return body(double{});
    case DType::kF32:
      return body(float{});
    case DType::kF16:
      return body(Float16{});
    case DType::kBF16:
      return body(BFloat16{});
    default:
      Fail("{}: {} values are not floating point; use f64, f32, bf16 or f16", where, Name(dtype));
  }
}

}  // namespace tessera::kernels
