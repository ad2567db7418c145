#include "tessera/kernels/reduce.h"

#include <gtest/gtest.h>

#include <limits>

#include "kernels/accuracy.h"
#include "kernels/for_each_isa.h"
#include "tessera/kernels/reference/reduce.h"

namespace tessera::kernels {
namespace {

void Compare(const std::vector<Inputs>& cases, int axis) {
  ExpectAsExactAsPlain([=](const auto& in) { return SumAxis(in[0], axis, 0.25); },
                       [=](const auto& in) { return reference::SumAxis(in[0], axis, 0.25); }, cases,
                       Measure::kGreatestValue);
}

TEST(ReduceKernels, SumsAreAsExactAsThePlainFormulaAtEveryLength) {
  ForEachIsa([](Isa) {
    for (DType dtype : kFastDTypes) {
      std::vector<Inputs> rows, columns{{Values({3, 1025}, {dtype})}}, middles;
      for (int64_t n = 0; n <= kLongestRow; ++n) {
        rows.push_back({Values({3, n}, {dtype})});
        columns.push_back({Values({n, 5}, {dtype})});
        middles.push_back({Values({2, n, 3}, {dtype})});
      }
      Compare(rows, 1);
      Compare(columns, 0);
      Compare(middles, 1);
      Compare({{Values({20'000}, {dtype})}}, 0);
    }
  });
}

TEST(ReduceKernels, NaNAndInfinitiesReachTheSumOfTheirRowAlone) {
  for (float value : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Tensor x = Values({3, 37}, {}).Clone();
    x.mutable_data<float>()[40] = value;
    ForEachIsa([&](Isa) {
      Compare({{x}}, 0);
      Compare({{x}}, 1);
    });
  }
}

TEST(ReduceKernels, ThreadsDoNotChangeBits) {
  const Tensor x = Values({100, 1500}, {});
  ForEachIsa([&](Isa) {
    ExpectSameForAnyThreads([&] { return SumAxis(x.Reshape({150'000}), 0, 1); });
    ExpectSameForAnyThreads([&] { return SumAxis(x, 0, 1); });
    ExpectSameForAnyThreads([&] { return SumAxis(x, 1, 1); });
  });
}

TEST(ReduceKernels, ExpandAndPutAreTheAdjointsOfSumAndTake) {
  for (DType dtype : kFastDTypes) {
    const Tensor x = Values({2, 3}, {dtype});
    const Tensor wide = ExpandAxis(x, 1, 4, 2);
    EXPECT_EQ(wide.shape(), (Shape{2, 4, 3}));
    ExpectSameBits(SumAxis(wide, 1, 0.125), x);
    const auto [greatest, index] = MaxAxis(wide, 0);
    ExpectSameBits(TakeAxis(wide, 0, index), greatest);
    ExpectSameBits(SumAxis(PutAxis(greatest, 0, 2, index), 0, 1), greatest);
  }
}

}  // namespace
}  // namespace tessera::kernels
