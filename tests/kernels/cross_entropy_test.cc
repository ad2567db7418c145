#include "tessera/kernels/cross_entropy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/accuracy.h"
#include "kernels/for_each_isa.h"
#include "tessera/kernels/reference/cross_entropy.h"

namespace tessera::kernels {
namespace {

Tensor SomeLabels(int64_t rows, int64_t n) {
  Tensor labels = Tensor::Empty({rows}, DType::kI64);
  for (int64_t t = 0; t < rows; ++t) labels.mutable_data<int64_t>()[t] = t % 3 == 1 ? -100 : (7 * t) % n;
  return labels;
}

CrossEntropyTarget Target(const Tensor& labels) { return {.labels = labels.data<int64_t>(), .z_loss = 0.01f}; }

// The gradient of the loss is 1 in whatever dtype the loss has.
Tensor One(const Tensor& loss) { return Tensor::Full({}, 1, loss.dtype()); }

// Cases of logits, labels and a direction.
void Compare(const std::vector<Inputs>& cases) {
  const auto check = [&](const Function& fast, const Function& plain) {
    ExpectAsExactAsPlain(fast, plain, cases, Measure::kGreatestValue);
  };
  check([](const auto& in) { return CrossEntropy(in[0], Target(in[1])).loss; },
        [](const auto& in) { return reference::CrossEntropy(in[0], Target(in[1])).loss; });
  check(
      [](const auto& in) {
        const auto forward = CrossEntropy(in[0], Target(in[1]));
        return CrossEntropyVjp(One(forward.loss), in[0], Target(in[1]), forward);
      },
      [](const auto& in) {
        const auto forward = reference::CrossEntropy(in[0], Target(in[1]));
        return reference::CrossEntropyVjp(One(forward.loss), in[0], Target(in[1]), forward);
      });
  check([](const auto& in) { return CrossEntropyJvp(in[2], in[0], Target(in[1]), CrossEntropy(in[0], Target(in[1]))); },
        [](const auto& in) {
          return reference::CrossEntropyJvp(in[2], in[0], Target(in[1]), reference::CrossEntropy(in[0], Target(in[1])));
        });
}

TEST(CrossEntropyKernels, AreAsExactAsThePlainFormulaAtEveryLength) {
  ForEachIsa([](Isa) {
    for (DType dtype : kFastDTypes) {
      std::vector<Inputs> cases{{Tensor::Zeros({0, 4}, dtype), SomeLabels(0, 4), Tensor::Zeros({0, 4}, dtype)}};
      for (int64_t n : {1001, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33})
        cases.push_back({Values({5, n}, {dtype, 3}), SomeLabels(5, n), Values({5, n}, {dtype, 1, 9})});
      Compare(cases);
    }
  });
}

TEST(CrossEntropyKernels, LogitsOfMinusInfinityHaveNoProbability) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  const Tensor logits = Tensor::From<float>({1, -inf, 2, 0, 0, 0}, {2, 3}), labels = Tensor::From<int64_t>({0, 2}, {2});
  ForEachIsa([&](Isa) {
    const auto forward = CrossEntropy(logits, Target(labels));
    EXPECT_TRUE(std::isfinite(forward.loss.item<float>()));
    EXPECT_EQ(CrossEntropyVjp(One(forward.loss), logits, Target(labels), forward).data<float>()[1], 0);
    Tensor broken = logits.Clone();
    broken.mutable_data<float>()[4] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_TRUE(std::isnan(CrossEntropy(broken, Target(labels)).loss.item<float>()));
  });
}

TEST(CrossEntropyKernels, ThreadsDoNotChangeBits) {
  const Tensor logits = Values({90, 517}, {.scale = 3}), labels = SomeLabels(90, 517);
  ForEachIsa([&](Isa) {
    const auto forward = CrossEntropy(logits, Target(labels));
    ExpectSameForAnyThreads([&] { return CrossEntropy(logits, Target(labels)).loss; });
    ExpectSameForAnyThreads([&] { return CrossEntropyVjp(One(forward.loss), logits, Target(labels), forward); });
    ExpectSameForAnyThreads([&] { return CrossEntropyJvp(logits, logits, Target(labels), forward); });
  });
}

}  // namespace
}  // namespace tessera::kernels
