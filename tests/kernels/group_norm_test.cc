#include "tessera/kernels/group_norm.h"

#include <gtest/gtest.h>

#include <limits>

#include "kernels/accuracy.h"
#include "kernels/for_each_isa.h"
#include "tessera/kernels/reference/group_norm.h"

namespace tessera::kernels {
namespace {

constexpr float kEps = 1e-6f;

// Groups of three channels where that is possible, else of two.
int64_t Groups(const Tensor& x) { return x.dim(2) % 3 == 0 ? x.dim(2) / 3 : x.dim(2) / 2; }

// x, w, b, dy, and tangents of w and b
Inputs Operands(const Shape& x, DType dtype) {
  const Shape channels{x[2]};
  return {Values(x, {dtype, 2}),    Values(channels, {dtype, 1, 2}), Values(channels, {dtype, 1, 3}),
          Values(x, {dtype, 1, 4}), Values(channels, {dtype, 1, 5}), Values(channels, {dtype, 1, 6})};
}

void CompareAll(const std::vector<Inputs>& cases) {
  const auto compare = [&](const Function& fast, const Function& plain) {
    ExpectAsExactAsPlain(fast, plain, cases, Measure::kGreatestValue);
  };
  const auto fast = [](const Inputs& in) { return GroupNorm(in[0], in[1], in[2], Groups(in[0]), kEps); };
  const auto plain = [](const Inputs& in) { return reference::GroupNorm(in[0], in[1], in[2], Groups(in[0]), kEps); };
  compare([&](const Inputs& in) { return fast(in).y; }, [&](const Inputs& in) { return plain(in).y; });
  for (Tensor GroupNormGradients::*which :
       {&GroupNormGradients::dx, &GroupNormGradients::dw, &GroupNormGradients::db}) {
    compare([&](const Inputs& in) { return GroupNormVjp(in[3], in[0], in[1], fast(in)).*which; },
            [&](const Inputs& in) { return reference::GroupNormVjp(in[3], in[0], in[1], plain(in)).*which; });
  }
  for (const bool moving : {true, false}) {
    const auto tangents = [=](const Inputs& in) {
      return GroupNormTangents{.dx = moving ? in[3] : Tensor(), .dw = in[4], .db = in[5]};
    };
    compare([&](const Inputs& in) { return GroupNormJvp(tangents(in), in[0], in[1], fast(in)); },
            [&](const Inputs& in) { return reference::GroupNormJvp(tangents(in), in[0], in[1], plain(in)); });
  }
}

TEST(GroupNormKernels, AreAsExactAsThePlainFormulaForEveryNumberOfChannels) {
  ForEachIsa([](Isa) {
    for (const DType dtype : kFastDTypes) {
      std::vector<Inputs> cases{Operands({1, 130, 64}, dtype), Operands({3, 65, 33}, dtype)};
      for (int64_t n = 1; n <= kLongestRow; ++n) cases.push_back(Operands({2, 7, 2 * n}, dtype));
      CompareAll(cases);
    }
  });
}

TEST(GroupNormKernels, ExtremePicturesFollowTheFormulas) {
  constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  ForEachIsa([](Isa) {
    const Inputs in = Operands({1, 5, 6}, DType::kF32);
    for (const double value : {0.0, 3.0, inf, -inf, nan}) {
      Tensor x = in[0].Clone();
      for (size_t i = 0; i < 30; i += 6) x.mutable_data<float>()[i] = static_cast<float>(value);
      ExpectAsExactAsPlain([](const Inputs& v) { return GroupNorm(v[0], v[1], v[2], 3, kEps).y; },
                           [](const Inputs& v) { return reference::GroupNorm(v[0], v[1], v[2], 3, kEps).y; },
                           {{x, in[1], in[2]}}, Measure::kGreatestValue);
    }
  });
}

TEST(GroupNormKernels, PicturesDependNeitherOnTheirCompanyNorOnThreads) {
  const Inputs in = Operands({3, 700, 64}, DType::kF32);
  ForEachIsa([&](Isa) {
    const GroupNormResult all = GroupNorm(in[0], in[1], in[2], 32, kEps);
    ExpectSameBits(all.y.Slice(0, 2, 3), GroupNorm(in[0].Slice(0, 2, 3), in[1], in[2], 32, kEps).y);
    ExpectSameForAnyThreads([&] { return GroupNorm(in[0], in[1], in[2], 32, kEps).y; });
    ExpectSameForAnyThreads([&] { return GroupNormVjp(in[3], in[0], in[1], all).dx; });
    ExpectSameForAnyThreads([&] { return GroupNormVjp(in[3], in[0], in[1], all).dw; });
  });
}

}  // namespace
}  // namespace tessera::kernels
