#pragma once
// Vector quantisation: a vector is named by the nearest of a table of codes.

#include "tessera/core/tensor.h"

namespace tessera::ops {

// argmin_n |z_p - e_n|²                                          (van den Oord, Vinyals & Kavukcuoglu 2017, equation 1)
//
//   z        [P, D]  f64, f32, bf16 or f16, contiguous
//   codes    [N, D]  the same dtypes; N >= 1
//   returns  [P]     i64, the lowest n where two are equally near; distances as if computed in double
//
// A choice has no derivative: the result stops gradients. Embedding(codes, ids) is differentiable in the codes.
// Throws Error if shapes disagree, and for a row of z that holds NaN or infinity; names the row.
Tensor NearestCode(const Tensor& z, const Tensor& codes);

}  // namespace tessera::ops
