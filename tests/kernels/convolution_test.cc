#include "tessera/kernels/convolution.h"

#include <gtest/gtest.h>

#include <limits>

#include "kernels/accuracy.h"
#include "kernels/for_each_isa.h"
#include "tessera/kernels/reference/convolution.h"

namespace tessera::kernels {
namespace {

constexpr ConvolutionWindow kSame{.top = 1, .left = 1, .bottom = 1, .right = 1};
constexpr ConvolutionWindow kHalve{.stride = 2, .bottom = 1, .right = 1};

struct Case {
  Shape x, w;
  ConvolutionWindow window;
};

// Widths and channels around whole vectors, windows larger than the picture, strides that leave a rest.
const std::vector<Case> kCases = {
    {{1, 1, 1, 1}, {1, 1, 1, 1}, {}},
    {{2, 5, 7, 3}, {4, 3, 3, 3}, kSame},
    {{1, 8, 6, 5}, {17, 5, 3, 3}, kHalve},
    {{1, 7, 9, 33}, {3, 33, 1, 1}, {}},
    {{2, 2, 2, 16}, {15, 16, 3, 3}, kSame},
    {{1, 1, 4, 2}, {2, 2, 3, 5}, {.top = 2, .left = 3, .right = 2}},
    {{1, 9, 5, 4}, {6, 4, 2, 3}, {.stride = 3, .left = 1}},
    {{3, 4, 4, 31}, {32, 31, 3, 3}, kSame},
};

Shape ResultShape(const Case& c) {
  return {c.x[0], c.window.Rows(c.x[1], c.w[2]), c.window.Columns(c.x[2], c.w[3]), c.w[0]};
}

// x, w, bias, dy
Inputs Operands(const Case& c, DType dtype) {
  return {Values(c.x, {dtype}), Values(c.w, {dtype, 0.3, 2}), Values({c.w[0]}, {dtype, 1, 3}),
          Values(ResultShape(c), {dtype, 1, 4})};
}

void CompareAll(const Case& c, DType dtype) {
  const std::vector<Inputs> cases{Operands(c, dtype)};
  const auto compare = [&](const Function& fast, const Function& plain) {
    ExpectAsExactAsPlain(fast, plain, cases, Measure::kGreatestValue);
  };
  compare([&](const Inputs& in) { return Convolve(in[0], in[1], in[2], c.window); },
          [&](const Inputs& in) { return reference::Convolve(in[0], in[1], in[2], c.window); });
  compare([&](const Inputs& in) { return Convolve(in[0], in[1], {}, c.window); },
          [&](const Inputs& in) { return reference::Convolve(in[0], in[1], {}, c.window); });
  compare([&](const Inputs& in) { return ConvolutionInputGradient(in[3], in[1], c.x, c.window); },
          [&](const Inputs& in) { return reference::ConvolutionInputGradient(in[3], in[1], c.x, c.window); });
  compare([&](const Inputs& in) { return ConvolutionWeightGradient(in[3], in[0], c.w, c.window); },
          [&](const Inputs& in) { return reference::ConvolutionWeightGradient(in[3], in[0], c.w, c.window); });
}

TEST(ConvolutionKernels, AreAsExactAsThePlainLoops) {
  ForEachIsa([](Isa) {
    for (const DType dtype : kFastDTypes)
      for (const Case& c : kCases) CompareAll(c, dtype);
  });
}

TEST(ConvolutionKernels, EveryWidthAndNumberOfChannels) {
  ForEachIsa([](Isa) {
    for (int64_t n = 1; n <= kLongestRow; ++n) CompareAll({{1, 3, n, n}, {n, n, 3, 3}, kSame}, DType::kF32);
  });
}

TEST(ConvolutionKernels, NothingGivesNothing) {
  const Tensor w = Values({4, 3, 3, 3}, {});
  EXPECT_EQ(Convolve(Tensor::Zeros({0, 5, 5, 3}), w, {}, kSame).shape(), (Shape{0, 5, 5, 4}));
  EXPECT_EQ(ConvolutionWeightGradient(Tensor::Zeros({0, 5, 5, 4}), Tensor::Zeros({0, 5, 5, 3}), w.shape(), kSame)
                .data<float>()[0],
            0);
}

TEST(ConvolutionKernels, ValuesThatAreNotFiniteReachTheWindowsThatHoldThem) {
  constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  const Case c{{1, 6, 6, 3}, {4, 3, 3, 3}, kSame};
  ForEachIsa([&](Isa) {
    for (const DType dtype : {DType::kF32, DType::kF16}) {
      for (const double value : {inf, -inf, nan}) {
        Inputs in = Operands(c, dtype);
        Tensor x = in[0].To(DType::kF64).Clone();
        x.mutable_data<double>()[40] = value;
        in[0] = x.To(dtype);
        ExpectAsExactAsPlain([&](const Inputs& v) { return Convolve(v[0], v[1], v[2], c.window); },
                             [&](const Inputs& v) { return reference::Convolve(v[0], v[1], v[2], c.window); }, {in},
                             Measure::kGreatestValue);
      }
    }
  });
}

TEST(ConvolutionKernels, BitsDependNeitherOnCompanyNorOnThreadsNorOnTiles) {
  // 40,000 windows of 288 values: three tiles.
  const Tensor x = Values({2, 100, 200, 32}, {}), w = Values({8, 32, 3, 3}, {DType::kF32, 0.1, 2});
  ForEachIsa([&](Isa) {
    const Tensor all = Convolve(x, w, {}, kSame);
    ExpectSameBits(all.Slice(0, 1, 2), Convolve(x.Slice(0, 1, 2), w, {}, kSame));
    ExpectSameForAnyThreads([&] { return Convolve(x, w, {}, kSame); });
    ExpectSameForAnyThreads([&] { return ConvolutionInputGradient(all, w, x.shape(), kSame); });
    ExpectSameForAnyThreads([&] { return ConvolutionWeightGradient(all, x, w.shape(), kSame); });
  });
}

}  // namespace
}  // namespace tessera::kernels
