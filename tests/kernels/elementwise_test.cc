#include "tessera/kernels/elementwise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/accuracy.h"
#include "kernels/for_each_isa.h"
#include "tessera/kernels/reference/elementwise.h"

namespace tessera::kernels {
namespace {

using Unary = Tensor (*)(const Tensor&);
using Binary = Tensor (*)(const Tensor&, const Tensor&);

struct UnaryCase {
  Unary fast, plain;
};
constexpr UnaryCase kUnary[] = {{Exp, reference::Exp},
                                {Sqrt, reference::Sqrt},
                                {Rsqrt, reference::Rsqrt},
                                {Square, reference::Square},
                                {Log, reference::Log}};

struct BinaryCase {
  Binary fast, plain;
};
constexpr BinaryCase kBinary[] = {{Add, reference::Add},
                                  {Sub, reference::Sub},
                                  {Mul, reference::Mul},
                                  {Div, reference::Div},
                                  {RsqrtDerivative, reference::RsqrtDerivative}};

void Compare(const UnaryCase& c, const Tensor& x) {
  ExpectAsExactAsPlain([&](const auto& in) { return c.fast(in[0]); }, [&](const auto& in) { return c.plain(in[0]); },
                       {{x}}, Measure::kUnitsInTheLastPlace);
}
void Compare(const BinaryCase& c, const Tensor& a, const Tensor& b) {
  ExpectAsExactAsPlain([&](const auto& in) { return c.fast(in[0], in[1]); },
                       [&](const auto& in) { return c.plain(in[0], in[1]); }, {{a, b}}, Measure::kUnitsInTheLastPlace);
}

TEST(ElementwiseKernels, AreAsExactAsThePlainFormulaAtEveryLength) {
  ForEachIsa([](Isa) {
    for (DType dtype : kFastDTypes) {
      for (int64_t n = 0; n <= kLongestRow; ++n) {
        const Tensor x = Values({n}, {dtype, 3}), y = Values({n}, {dtype, 3, 2});
        for (const UnaryCase& c : kUnary) Compare(c, x);
        for (const BinaryCase& c : kBinary) Compare(c, x, y);
      }
    }
  });
}

TEST(ElementwiseKernels, ExpIsWithinTwiceTheLibrarysErrorOverItsWholeRange) {
  Tensor x = Tensor::Empty({100'000});
  const auto values = x.mutable_data<float>();
  for (size_t i = 0; i < values.size(); ++i) values[i] = -87.3f + 176.0f * static_cast<float>(i) / 100'000.0f;
  ForEachIsa([&](Isa) { Compare({Exp, reference::Exp}, x); });
}

TEST(ElementwiseKernels, ExtremeValuesFollowTheFormulas) {
  constexpr float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor x = Tensor::From<float>(
      {inf, -inf, nan, 0, -0.0f, 88.7f, 88.8f, 1e30f, -87.5f, -103.0f, -104.5f, -1e30f, 1e-40f, 3.4e38f, 1, -1, nan},
      {17});
  ForEachIsa([&](Isa) {
    for (DType dtype : kFastDTypes) {
      const Tensor a = x.To(dtype), b = Values({17}, {dtype});
      for (const UnaryCase& c : kUnary) Compare(c, a);
      for (const BinaryCase& c : kBinary) {
        Compare(c, a, b);
        Compare(c, b, a);
        Compare(c, a, a);
      }
    }
  });
}

TEST(ElementwiseKernels, BroadcastingFollowsThePlainLoop) {
  const std::pair<Shape, Shape> shapes[] = {{{3, 17}, {17}}, {{3, 1}, {1, 17}}, {{5, 1, 3}, {2, 1}},
                                            {{}, {4, 9}},    {{4, 9}, {}},      {{2, 1, 33}, {3, 1}},
                                            {{1, 1}, {1}},   {{0, 3}, {1, 3}}};
  ForEachIsa([&](Isa) {
    for (DType dtype : kFastDTypes) {
      for (const auto& [a, b] : shapes) {
        for (const BinaryCase& c : kBinary) Compare(c, Values(a, {dtype}), Values(b, {dtype, 1, 2}));
      }
    }
  });
}

TEST(ElementwiseKernels, AffineMultipliesThenAdds) {
  ForEachIsa([](Isa) {
    for (DType dtype : kFastDTypes) {
      const Tensor x = Values({33}, {dtype});
      ExpectSameBits(Affine(x, 1.7f, -0.3f), reference::Affine(x, 1.7f, -0.3f));
    }
  });
}

// Every bf16 and f16 pattern, and f32 values on and beside every rounding boundary.
TEST(ElementwiseKernels, CastsRoundToNearestEvenExactlyAsTheScalarTypesDo) {
  Tensor halves = Tensor::Empty({65536}, DType::kBF16);
  for (int i = 0; i < 65536; ++i) halves.mutable_data<BFloat16>()[i].bits = static_cast<uint16_t>(i);
  Tensor others = Tensor::Empty({65536}, DType::kF16);
  for (int i = 0; i < 65536; ++i) others.mutable_data<Float16>()[i].bits = static_cast<uint16_t>(i);
  Tensor floats = Tensor::Empty({6 * 65536});
  for (int i = 0; i < 65536; ++i) {
    for (int k = 0; k < 6; ++k) {
      constexpr uint32_t kLow[] = {0, 0x1000, 0x7fff, 0x8000, 0x8001, 0xefff};
      floats.mutable_data<float>()[6 * i + k] = std::bit_cast<float>(static_cast<uint32_t>(i) << 16 | kLow[k]);
    }
  }
  ForEachIsa([&](Isa) {
    const auto compare = [](const Tensor& x, DType to) {
      const Tensor fast = Cast(x, to), plain = reference::Cast(x, to);
      const Tensor a = fast.To(DType::kF32), b = plain.To(DType::kF32);
      for (int64_t i = 0; i < a.numel(); ++i) {
        const float value = a.data<float>()[i], expected = b.data<float>()[i];
        ASSERT_TRUE(value == expected || (std::isnan(value) && std::isnan(expected))) << "value " << i;
      }
    };
    compare(halves, DType::kF32);
    compare(others, DType::kF32);
    compare(floats, DType::kBF16);
    compare(floats, DType::kF16);
    compare(floats, DType::kF64);
  });
}

TEST(ElementwiseKernels, BitsDependOnTheValueAlone) {
  const Tensor x = Values({100'003}, {.scale = 4});
  ForEachIsa([&](Isa) {
    ExpectSameForAnyThreads([&] { return Exp(x); });
    const Tensor whole = Exp(x);
    for (int64_t i : {0, 1, 7, 99'999, 100'002}) ExpectSameBits(whole.Slice(0, i, i + 1), Exp(x.Slice(0, i, i + 1)));
  });
}

}  // namespace
}  // namespace tessera::kernels
