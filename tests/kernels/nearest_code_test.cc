#include "tessera/kernels/nearest_code.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "kernels/accuracy.h"
#include "kernels/for_each_isa.h"

namespace tessera::kernels {
namespace {

TEST(NearestCodeKernels, ChooseWhatDoublesChoose) {
  ForEachIsa([](Isa) {
    for (const DType dtype : {DType::kF64, DType::kF32, DType::kBF16, DType::kF16}) {
      for (const int64_t width : {1, 3, 16, 33}) {
        for (const int64_t rows : {0, 1, 129}) {
          const Tensor z = Values({rows, width}, {dtype, 3}), codes = Values({50, width}, {dtype, 3, 2});
          EXPECT_EQ(NearestCodes(z, codes), reference::NearestCodes(z, codes));
        }
      }
    }
  });
}

// Far from the origin 2 z·e and |e|² nearly cancel: f32 alone would choose by its rounding.
TEST(NearestCodeKernels, AreRightWhereSinglePrecisionCannotTell) {
  const Tensor near = Values({40, 8}, {DType::kF32, 1e-3, 2}), rows = Values({60, 8}, {DType::kF32, 1e-3, 3});
  const auto far_away = [](const Tensor& x) {
    Tensor moved = x.Clone();
    for (float& value : moved.mutable_data<float>()) value += 1000;
    return moved;
  };
  ForEachIsa([&](Isa) {
    EXPECT_EQ(NearestCodes(far_away(rows), far_away(near)), reference::NearestCodes(far_away(rows), far_away(near)));
  });
}

TEST(NearestCodeKernels, OfEqualCodesTheFirstAndOfNoneFiniteNone) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor codes = Tensor::From<float>({nan, 0, 5, 5, 1, 1, 1, 1}, {4, 2});
  const Tensor z = Tensor::From<float>({1, 1, 4, 5, nan, 1, inf, 1, 3e38f, -3e38f}, {5, 2});
  ForEachIsa([&](Isa) {
    EXPECT_THAT(NearestCodes(z, codes), testing::ElementsAreArray(reference::NearestCodes(z, codes)));
    EXPECT_THAT(NearestCodes(z.Slice(0, 0, 4), codes), testing::ElementsAre(2, 1, -1, -1));
  });
}

TEST(NearestCodeKernels, ThreadsDoNotChangeTheChoice) {
  const Tensor z = Values({300, 16}, {}), codes = Values({70, 16}, {DType::kF32, 1, 2});
  ExpectSameForAnyThreads([&] { return Tensor::From(NearestCodes(z, codes), {300}); });
}

}  // namespace
}  // namespace tessera::kernels
