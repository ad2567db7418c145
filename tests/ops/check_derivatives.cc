#include "ops/check_derivatives.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "tessera/core/random.h"
#include "tessera/ops/differentiable.h"

namespace tessera::ops {
namespace {

using Op = std::function<Tensor(const std::vector<Tensor>&)>;

struct DotProduct {
  double value = 0, magnitude = 0;  // Σ ab, Σ |ab|
  void Add(const Tensor& a, const Tensor& b) {
    const auto va = a.data<double>(), vb = b.data<double>();
    for (size_t i = 0; i < va.size(); ++i) {
      value += va[i] * vb[i];
      magnitude += std::abs(va[i] * vb[i]);
    }
  }
};

Tensor Moved(const Tensor& x, const Tensor& dx, double step) {
  Tensor moved = Tensor::Empty(x.shape(), DType::kF64);
  for (int64_t i = 0; i < x.numel(); ++i)
    moved.mutable_data<double>()[i] = x.data<double>()[i] + step * dx.data<double>()[i];
  return moved;
}

Tensor Differences(const Op& op, const std::vector<Tensor>& inputs, const std::vector<Tensor>& directions) {
  constexpr double kStep = 1e-5;
  std::vector<Tensor> ahead = inputs, behind = inputs;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!directions[i]) continue;
    ahead[i] = Moved(inputs[i], directions[i], kStep);
    behind[i] = Moved(inputs[i], directions[i], -kStep);
  }
  const Tensor y = op(ahead), z = op(behind);
  Tensor slope = Tensor::Empty(y.shape(), DType::kF64);
  for (int64_t i = 0; i < y.numel(); ++i)
    slope.mutable_data<double>()[i] = (y.data<double>()[i] - z.data<double>()[i]) / (2 * kStep);
  return slope;
}

void ExpectClose(const Tensor& found, const Tensor& expected) {
  ASSERT_EQ(found.shape(), expected.shape());
  double largest = 1e-3;
  for (double value : expected.data<double>()) largest = std::max(largest, std::abs(value));
  for (int64_t i = 0; i < found.numel(); ++i)
    EXPECT_NEAR(found.data<double>()[i], expected.data<double>()[i], 1e-6 * largest) << "JVP at value " << i;
}

// Only the inputs with a defined direction are tracked.
void Check(const Op& op, const std::vector<Tensor>& inputs, const std::vector<Tensor>& directions) {
  std::vector<Tensor> forward = inputs, reverse = inputs, variables;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!directions[i]) continue;
    forward[i] = WithTangent(inputs[i], directions[i]);
    reverse[i] = Variable(inputs[i]);
    variables.push_back(reverse[i]);
  }
  const Tensor tangent = Tangent(op(forward));
  ExpectClose(tangent, Differences(op, inputs, directions));

  const Tensor y = op(reverse);
  ASSERT_EQ(y.dtype(), DType::kF64);
  const Tensor dy = Normal(y.shape(), 99);
  const std::vector<Tensor> gradients = VectorJacobian(y, dy, variables);
  DotProduct by_jvp, by_vjp;
  by_jvp.Add(dy, tangent);
  for (size_t i = 0, v = 0; i < inputs.size(); ++i) {
    if (!directions[i]) continue;
    ASSERT_EQ(gradients[v].shape(), inputs[i].shape());
    by_vjp.Add(gradients[v++], directions[i]);
  }
  EXPECT_NEAR(by_jvp.value, by_vjp.value, 1e-9 * (by_jvp.magnitude + by_vjp.magnitude) + 1e-300) << "VJP against JVP";
}

}  // namespace

Tensor Normal(const Shape& shape, uint64_t seed) {
  Random random(seed, 7);
  Tensor x = Tensor::Empty(shape, DType::kF64);
  for (double& value : x.mutable_data<double>()) value = random.Normal();
  return x;
}

Tensor Uniform(const Shape& shape, const Range& range) {
  Random random(range.seed, 8);
  Tensor x = Tensor::Empty(shape, DType::kF64);
  for (double& value : x.mutable_data<double>()) value = range.low + (range.high - range.low) * random.Uniform();
  return x;
}

void CheckDerivatives(const Op& op, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> directions;
  for (size_t i = 0; i < inputs.size(); ++i) directions.push_back(Normal(inputs[i].shape(), 1000 + i));
  {
    SCOPED_TRACE("all inputs at once");
    Check(op, inputs, directions);
  }
  for (size_t i = 0; inputs.size() > 1 && i < inputs.size(); ++i) {
    SCOPED_TRACE("input " + std::to_string(i) + " alone");
    std::vector<Tensor> one(inputs.size());
    one[i] = directions[i];
    Check(op, inputs, one);
  }
}

}  // namespace tessera::ops
