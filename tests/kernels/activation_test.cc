#include "tessera/kernels/activation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/accuracy.h"
#include "kernels/for_each_isa.h"
#include "tessera/kernels/reference/activation.h"

namespace tessera::kernels {
namespace {

struct UnaryCase {
  Tensor (*fast)(const Tensor&);
  Tensor (*plain)(const Tensor&);
};
constexpr UnaryCase kUnary[] = {
    {Relu, reference::Relu}, {Tanh, reference::Tanh},         {Sigmoid, reference::Sigmoid},    {Silu, reference::Silu},
    {Gelu, reference::Gelu}, {GeluTanh, reference::GeluTanh}, {QuickGelu, reference::QuickGelu}};

struct BinaryCase {
  Tensor (*fast)(const Tensor&, const Tensor&);
  Tensor (*plain)(const Tensor&, const Tensor&);
};
constexpr BinaryCase kBinary[] = {{SiluMul, reference::SiluMul},
                                  {ReluDerivative, reference::ReluDerivative},
                                  {SigmoidDerivative, reference::SigmoidDerivative},
                                  {TanhDerivative, reference::TanhDerivative}};
// Slopes that pass through zero: near it no f32 formula has digits left, so errors are measured against the greatest.
constexpr BinaryCase kSlopes[] = {{SiluDerivative, reference::SiluDerivative},
                                  {GeluDerivative, reference::GeluDerivative},
                                  {GeluTanhDerivative, reference::GeluTanhDerivative},
                                  {QuickGeluDerivative, reference::QuickGeluDerivative}};

void Compare(const UnaryCase& c, const Tensor& x) {
  ExpectAsExactAsPlain([&](const auto& in) { return c.fast(in[0]); }, [&](const auto& in) { return c.plain(in[0]); },
                       {{x}}, Measure::kUnitsInTheLastPlace);
}
void Compare(const BinaryCase& c, const Tensor& a, const Tensor& b, Measure measure) {
  ExpectAsExactAsPlain([&](const auto& in) { return c.fast(in[0], in[1]); },
                       [&](const auto& in) { return c.plain(in[0], in[1]); }, {{a, b}}, measure);
}

void CompareAll(const Tensor& x, const Tensor& d) {
  for (const UnaryCase& c : kUnary) {
    SCOPED_TRACE(&c - kUnary);
    Compare(c, x);
  }
  for (const BinaryCase& c : kBinary) Compare(c, d, x, Measure::kUnitsInTheLastPlace);
  for (const BinaryCase& c : kSlopes) {
    SCOPED_TRACE(&c - kSlopes);
    Compare(c, d, x, Measure::kGreatestValue);
  }
}

TEST(ActivationKernels, AreAsExactAsThePlainFormulaOverTheWholeRange) {
  for (DType dtype : kFastDTypes) {
    Tensor x = Tensor::Empty({40'001});
    for (int64_t i = 0; i < x.numel(); ++i) x.mutable_data<float>()[i] = -20.0f + 1e-3f * static_cast<float>(i);
    const Tensor values = x.To(dtype), ones = Tensor::Full(x.shape(), 1, dtype);
    ForEachIsa([&](Isa) { CompareAll(values, ones); });
  }
}

TEST(ActivationKernels, EveryLengthGivesTheBitsOfTheWhole) {
  ForEachIsa([](Isa) {
    for (DType dtype : kFastDTypes) {
      const Tensor x = Values({kLongestRow}, {dtype, 3}), d = Values({kLongestRow}, {dtype, 1, 2});
      for (int64_t n = 0; n <= kLongestRow; ++n) {
        const int64_t begin = kLongestRow - n;
        const Tensor tail = x.Slice(0, begin, kLongestRow), d_tail = d.Slice(0, begin, kLongestRow);
        for (const UnaryCase& c : kUnary) ExpectSameBits(c.fast(x).Slice(0, begin, kLongestRow), c.fast(tail));
        for (const BinaryCase& c : kBinary)
          ExpectSameBits(c.fast(d, x).Slice(0, begin, kLongestRow), c.fast(d_tail, tail));
        for (const BinaryCase& c : kSlopes)
          ExpectSameBits(c.fast(d, x).Slice(0, begin, kLongestRow), c.fast(d_tail, tail));
      }
    }
  });
}

TEST(ActivationKernels, ExtremeValuesFollowTheFormulas) {
  constexpr float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor x =
      Tensor::From<float>({inf, -inf, nan, 0, -0.0f, 100, -100, 1e10f, -1e10f, 1e-40f, 0.625f, -0.625f, nan}, {13});
  ForEachIsa([&](Isa) {
    for (DType dtype : kFastDTypes) {
      const Tensor values = x.To(dtype), ones = Tensor::Full({13}, 1, dtype);
      for (const UnaryCase& c : kUnary) Compare(c, values);
      for (const BinaryCase& c : kBinary) Compare(c, ones, values, Measure::kGreatestValue);
      for (const BinaryCase& c : kSlopes) Compare(c, ones, values, Measure::kGreatestValue);
    }
  });
}

TEST(ActivationKernels, SiluMulIsItsUnfusedFormInDouble) {
  const Tensor gate = Values({4, 33}, {DType::kF64}), up = Values({4, 33}, {DType::kF64, 1, 2});
  const Tensor fused = SiluMul(gate, up), silu = Silu(gate);
  for (int64_t i = 0; i < fused.numel(); ++i)
    EXPECT_EQ(fused.data<double>()[i], silu.data<double>()[i] * up.data<double>()[i]);
}

TEST(ActivationKernels, ThreadsDoNotChangeBits) {
  const Tensor gate = Values({70'001}, {.scale = 2}), up = Values({70'001}, {.seed = 2});
  ForEachIsa([&](Isa) { ExpectSameForAnyThreads([&] { return SiluMul(gate, up); }); });
}

}  // namespace
}  // namespace tessera::kernels
