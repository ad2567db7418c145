// The rules of derivatives against the engine's operators: the same formulas through the tape and through ops/, in
// reverse and in forward mode.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "tessera/core/random.h"
#include "tessera/math/calculus/gradient.h"
#include "tessera/math/calculus/tape.h"
#include "tessera/ops/differentiable.h"
#include "tessera/ops/elementwise.h"

namespace tessera::math::calculus {
namespace {

using Operator = std::function<Tensor(const Tensor& x, const Tensor& y)>;

struct Pair {
  const char* formula;  // in x and y, both positive
  Operator operation;
};

const Pair kPairs[] = {
    {"x + y", [](const Tensor& x, const Tensor& y) { return ops::Add(x, y); }},
    {"x - y", [](const Tensor& x, const Tensor& y) { return ops::Sub(x, y); }},
    {"x * y", [](const Tensor& x, const Tensor& y) { return ops::Mul(x, y); }},
    {"x / y", [](const Tensor& x, const Tensor& y) { return ops::Div(x, y); }},
    {"-x + 0*y", [](const Tensor& x, const Tensor&) { return ops::Neg(x); }},
    {"exp(x) + 0*y", [](const Tensor& x, const Tensor&) { return ops::Exp(x); }},
    {"ln(x) + 0*y", [](const Tensor& x, const Tensor&) { return ops::Log(x); }},
    {"sqrt(x) + 0*y", [](const Tensor& x, const Tensor&) { return ops::Sqrt(x); }},
    {"1/sqrt(x) + 0*y", [](const Tensor& x, const Tensor&) { return ops::Rsqrt(x); }},
    {"x^2 + 0*y", [](const Tensor& x, const Tensor&) { return ops::Square(x); }},
    {"max(x - 1, 0) + 0*y", [](const Tensor& x, const Tensor&) { return ops::Relu(ops::AddScalar(x, -1)); }},
    {"tanh(x) + 0*y", [](const Tensor& x, const Tensor&) { return ops::Tanh(x); }},
    {"1/(1 + exp(-x)) + 0*y", [](const Tensor& x, const Tensor&) { return ops::Sigmoid(x); }},
    {"x/(1 + exp(-x)) + 0*y", [](const Tensor& x, const Tensor&) { return ops::Silu(x); }},
    {"x/(1 + exp(-x))*y", [](const Tensor& x, const Tensor& y) { return ops::SiluMul(x, y); }},
    {"x/2*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x^3))) + 0*y",
     [](const Tensor& x, const Tensor&) { return ops::GeluTanh(x); }},
    {"exp(x*y)/ln(1.5 + y)",
     [](const Tensor& x, const Tensor& y) {
       return ops::Div(ops::Exp(ops::Mul(x, y)), ops::Log(ops::AddScalar(y, 1.5F)));
     }},
};

double Only(const Tensor& t) { return t.item<double>(); }
Tensor One(double value) { return Tensor::Scalar(value); }

TEST(Rules, AgreeWithTheOperatorsVjpAndJvp) {
  Random random(6);
  for (const Pair& pair : kPairs) {
    const Formula f = ReadFormula(pair.formula);
    Tape tape(f.graph, f.root);
    for (int round = 0; round < 5; ++round) {
      std::vector<double> at(2), v(2), gradient(2);
      for (const size_t i : {0u, 1u}) at[i] = 0.2 + 2 * random.Uniform(), v[i] = random.Normal();
      const size_t x = f.order[0], y = f.order[1];
      const double value = tape.Gradient(at, gradient);
      double slope = 0;
      tape.Slope(at, v, slope);
      const Tensor tx = ops::Variable(One(at[x])), ty = ops::Variable(One(at[y]));
      const Tensor result = pair.operation(tx, ty);
      const auto reverse = ops::Gradient(result, {tx, ty});
      const Tensor forward = ops::Tangent(
          pair.operation(ops::WithTangent(One(at[x]), One(v[x])), ops::WithTangent(One(at[y]), One(v[y]))));
      const double near = 2e-6 * (1 + std::abs(value) + std::abs(slope));  // 0.044715 and scalars are floats in ops/
      EXPECT_NEAR(Only(result), value, near) << pair.formula;
      EXPECT_NEAR(Only(reverse[0]), gradient[x], near) << pair.formula;
      EXPECT_NEAR(Only(reverse[1]), gradient[y], near) << pair.formula;
      EXPECT_NEAR(Only(forward), slope, near) << pair.formula;
    }
  }
}

}  // namespace
}  // namespace tessera::math::calculus
