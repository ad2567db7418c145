#pragma once
// Checks an operator's VJP and JVP in double, against each other and against differences.
//
//   TEST(RmsNorm, Derivatives) {
//     CheckDerivatives([](const auto& in) { return RmsNorm(in[0], in[1], 1e-5f); }, {Normal({3, 5}), Normal({5})});
//   }

#include <functional>
#include <string>
#include <vector>

#include "tessera/core/tensor.h"

namespace tessera::ops {

// f64 values drawn from a normal distribution; equal seeds give equal values.
Tensor Normal(const Shape& shape, uint64_t seed = 1);
// f64 values drawn uniformly from [low, high).
struct Range {
  double low = 0, high = 1;
  uint64_t seed = 1;
};
Tensor Uniform(const Shape& shape, const Range& range);

// For random ẋ and dy, with all inputs tracked at once and each of them alone:
//   <dy, JVP(ẋ)> = Σ <VJP(dy)_i, ẋ_i>                    to 1e-9 of the sum of the terms' magnitudes
//   JVP(ẋ) = (op(x + hẋ) - op(x - hẋ)) / 2h, h = 1e-5    to 1e-6 of the largest value
// `inputs` are f64 and stand away from points where the operator is not smooth.
void CheckDerivatives(const std::function<Tensor(const std::vector<Tensor>&)>& op, const std::vector<Tensor>& inputs);

}  // namespace tessera::ops
