#include "tessera/kernels/softmax.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/accuracy.h"
#include "kernels/for_each_isa.h"
#include "tessera/kernels/reference/softmax.h"

namespace tessera::kernels {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

struct Case {
  Tensor (*fast)(const Tensor&, const Tensor&);
  Tensor (*plain)(const Tensor&, const Tensor&);
};
constexpr Case kDerivatives[] = {{SoftmaxDerivative, reference::SoftmaxDerivative},
                                 {LogSoftmaxVjp, reference::LogSoftmaxVjp},
                                 {LogSoftmaxJvp, reference::LogSoftmaxJvp}};

void CompareForward(const std::vector<Inputs>& cases) {
  ExpectAsExactAsPlain([](const auto& in) { return Softmax(in[0]); },
                       [](const auto& in) { return reference::Softmax(in[0]); }, cases, Measure::kGreatestValue);
  ExpectAsExactAsPlain([](const auto& in) { return LogSoftmax(in[0]); },
                       [](const auto& in) { return reference::LogSoftmax(in[0]); }, cases, Measure::kGreatestValue);
}

TEST(SoftmaxKernels, AreAsExactAsThePlainFormulaAtEveryLength) {
  ForEachIsa([](Isa) {
    for (DType dtype : kFastDTypes) {
      std::vector<Inputs> cases{{Values({2, 3, 1001}, {dtype, 4})}};
      for (int64_t n = 0; n <= kLongestRow; ++n) cases.push_back({Values({3, n}, {dtype, 4})});
      CompareForward(cases);
    }
  });
}

TEST(SoftmaxKernels, DerivativesAreAsExactAsThePlainFormula) {
  ForEachIsa([](Isa) {
    for (DType dtype : kFastDTypes) {
      for (const Case& c : kDerivatives) {
        SCOPED_TRACE(&c - kDerivatives);
        std::vector<Inputs> cases;
        for (int64_t n : {1, 2, 7, 15, 16, 17, 32, 33, 1001}) {
          const Tensor x = Values({40, n}, {dtype, 2, 2});
          const Tensor y = c.fast == SoftmaxDerivative ? reference::Softmax(x) : reference::LogSoftmax(x);
          cases.push_back({Values({40, n}, {dtype}), y});
        }
        ExpectAsExactAsPlain([&](const auto& in) { return c.fast(in[0], in[1]); },
                             [&](const auto& in) { return c.plain(in[0], in[1]); }, cases, Measure::kGreatestValue);
      }
    }
  });
}

TEST(SoftmaxKernels, ASumOfExponentialsLeavesOutWhatIsAboveItsBound) {
  ForEachIsa([](Isa) {
    for (int64_t n : {0, 1, 7, 15, 16, 17, 63, 64, 65, 1001}) {
      const Tensor values = Values({n}, {DType::kF32, 4});
      std::vector<float> x(values.data<float>().begin(), values.data<float>().end());
      if (n > 20) x[3] = -kInf, x[20] = -1e30f;
      for (const float scale : {0.1f, 1.0f, 9.0f, 1e30f}) {
        for (const float most : {-1.0f, 0.5f, 100.0f}) {
          const float shift = n == 0 ? 0 : *std::ranges::max_element(x);
          const double wanted = reference::ExpSum(x, shift, scale, most);
          EXPECT_NEAR(ExpSum(x, shift, scale, most), wanted, 1e-6 * wanted + 1e-37)
              << n << ", " << scale << ", " << most;
        }
      }
    }
  });
}

TEST(SoftmaxKernels, ASumOfExponentialsKeepsNan) {
  ForEachIsa([](Isa) {
    for (const size_t at : {0u, 17u, 70u}) {
      std::vector<float> x(71, 1.0f);
      x[at] = kNan;
      EXPECT_TRUE(std::isnan(ExpSum(x, 1, 1, 1))) << at;
      x[at] = 2;  // above the bound
      EXPECT_EQ(ExpSum(x, 1, 1, 1), 70) << at;
    }
  });
}

TEST(SoftmaxKernels, ExtremeRowsFollowTheFormulas) {
  ForEachIsa([](Isa) {
    for (DType dtype : kFastDTypes) {
      for (int64_t n : {1, 5, 17, 40}) {
        for (float everywhere : {-kInf, kInf, kNan, 6e4f, -6e4f})
          CompareForward({{Tensor::Full({2, n}, everywhere, dtype)}});
        for (float once : {-kInf, kInf, kNan, 6e4f}) {
          for (int64_t place : {int64_t{0}, n - 1}) {
            Tensor x = Values({n}, {}).Clone();
            x.mutable_data<float>()[place] = once;
            CompareForward({{x.To(dtype)}});
          }
        }
      }
    }
  });
}

TEST(SoftmaxKernels, RowsDependNeitherOnTheirCompanyNorOnThreads) {
  const Tensor x = Values({300, 257}, {.scale = 3});
  ForEachIsa([&](Isa) {
    const Tensor all = Softmax(x);
    for (int64_t t : {0, 1, 150, 299}) ExpectSameBits(all.Slice(0, t, t + 1), Softmax(x.Slice(0, t, t + 1)));
    ExpectSameForAnyThreads([&] { return Softmax(x); });
    ExpectSameForAnyThreads([&] { return SoftmaxDerivative(x, all); });
  });
}

}  // namespace
}  // namespace tessera::kernels
