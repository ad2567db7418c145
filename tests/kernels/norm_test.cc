#include "tessera/kernels/norm.h"

#include <gtest/gtest.h>

#include <limits>

#include "kernels/accuracy.h"
#include "kernels/for_each_isa.h"
#include "tessera/kernels/reference/norm.h"

namespace tessera::kernels {
namespace {

constexpr float kEps = 1e-5f;

// x, w, b, dy of one dtype; x away from mean 0, as activations are.
Inputs Operands(int64_t rows, int64_t n, DType dtype) {
  return {Values({rows, n}, {dtype}), Values({n}, {dtype, 1, 2}), Values({n}, {dtype, 1, 3}),
          Values({rows, n}, {dtype, 1, 4})};
}

void Compare(const Function& fast, const Function& plain, const std::vector<Inputs>& cases) {
  ExpectAsExactAsPlain(fast, plain, cases, Measure::kGreatestValue);
}

void CompareForward(const std::vector<Inputs>& cases) {
  Compare([](const auto& in) { return RmsNorm(in[0], in[1], kEps).y; },
          [](const auto& in) { return reference::RmsNorm(in[0], in[1], kEps).y; }, cases);
  Compare([](const auto& in) { return LayerNorm(in[0], in[1], in[2], kEps).y; },
          [](const auto& in) { return reference::LayerNorm(in[0], in[1], in[2], kEps).y; }, cases);
  Compare([](const auto& in) { return LayerNorm(in[0], in[1], {}, kEps).y; },
          [](const auto& in) { return reference::LayerNorm(in[0], in[1], {}, kEps).y; }, cases);
}

TEST(NormKernels, AreAsExactAsThePlainFormulaAtEveryLength) {
  ForEachIsa([](Isa) {
    for (DType dtype : kFastDTypes) {
      std::vector<Inputs> cases{Operands(2, 577, dtype), Operands(0, 5, dtype)};
      for (int64_t n = 1; n <= kLongestRow; ++n) cases.push_back(Operands(3, n, dtype));
      CompareForward(cases);
    }
  });
}

TEST(NormKernels, VjpsAreAsExactAsThePlainFormula) {
  const auto rms = [](auto forward, auto vjp, Tensor NormGradients::*which) {
    return
        [=](const std::vector<Tensor>& in) { return vjp(in[3], in[0], in[1], forward(in[0], in[1], kEps).r).*which; };
  };
  const auto layer = [](auto forward, auto vjp, Tensor NormGradients::*which) {
    return [=](const std::vector<Tensor>& in) {
      return vjp(in[3], in[0], in[1], forward(in[0], in[1], in[2], kEps)).*which;
    };
  };
  ForEachIsa([&](Isa) {
    for (DType dtype : kFastDTypes) {
      const std::vector<Inputs> cases{Operands(3, 7, dtype), Operands(5, 33, dtype), Operands(150, 64, dtype)};
      for (Tensor NormGradients::*which : {&NormGradients::dx, &NormGradients::dw})
        Compare(rms(RmsNorm, RmsNormVjp, which), rms(reference::RmsNorm, reference::RmsNormVjp, which), cases);
      for (Tensor NormGradients::*which : {&NormGradients::dx, &NormGradients::dw, &NormGradients::db}) {
        Compare(layer(LayerNorm, LayerNormVjp, which), layer(reference::LayerNorm, reference::LayerNormVjp, which),
                cases);
      }
    }
  });
}

TEST(NormKernels, JvpsAreAsExactAsThePlainFormula) {
  ForEachIsa([](Isa) {
    for (DType dtype : kFastDTypes) {
      std::vector<Inputs> cases;
      for (int64_t n : {1, 7, 16, 33, 130}) {
        cases.push_back(Operands(4, n, dtype));
        cases.back().push_back(Values({n}, {dtype, 1, 5}));
      }
      Compare(
          [](const auto& in) {
            return RmsNormJvp({in[3], in[4], {}}, in[0], in[1], RmsNorm(in[0], in[1], kEps).r);
          },
          [](const auto& in) {
            return reference::RmsNormJvp({in[3], in[4], {}}, in[0], in[1], reference::RmsNorm(in[0], in[1], kEps).r);
          },
          cases);
      Compare(
          [](const auto& in) {
            return LayerNormJvp({in[3], in[4], in[2]}, in[0], in[1], LayerNorm(in[0], in[1], in[2], kEps));
          },
          [](const auto& in) {
            return reference::LayerNormJvp({in[3], in[4], in[2]}, in[0], in[1],
                                           reference::LayerNorm(in[0], in[1], in[2], kEps));
          },
          cases);
    }
  });
}

TEST(NormKernels, ExtremeRowsFollowTheFormulas) {
  constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  ForEachIsa([](Isa) {
    for (DType dtype : kFastDTypes) {
      const std::vector<Tensor> inputs = Operands(2, 19, dtype);
      for (double value : {0.0, inf, -inf, nan, 1e-30})
        CompareForward({{Tensor::Full({2, 19}, value, dtype), inputs[1], inputs[2]}});
    }
  });
}

TEST(NormKernels, RowsDependNeitherOnTheirCompanyNorOnThreads) {
  const std::vector<Tensor> in = Operands(700, 65, DType::kF32);
  ForEachIsa([&](Isa) {
    const RmsNormResult all = RmsNorm(in[0], in[1], kEps);
    for (int64_t t : {0, 1, 350, 699})
      ExpectSameBits(all.y.Slice(0, t, t + 1), RmsNorm(in[0].Slice(0, t, t + 1), in[1], kEps).y);
    ExpectSameForAnyThreads([&] { return RmsNorm(in[0], in[1], kEps).y; });
    ExpectSameForAnyThreads([&] { return RmsNormVjp(in[3], in[0], in[1], all.r).dw; });
    ExpectSameForAnyThreads([&] { return RmsNormVjp(in[3], in[0], in[1], all.r).dx; });
  });
}

}  // namespace
}  // namespace tessera::kernels
