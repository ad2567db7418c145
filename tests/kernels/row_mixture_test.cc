#include "tessera/kernels/row_mixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/accuracy.h"
#include "tessera/core/random.h"
#include "tessera/kernels/reference/row_mixture.h"

namespace tessera::kernels {
namespace {

using testing::ElementsAre;

// Rows of 0, 1, 2, … terms in turn.
RowMixture SomeMixture(int64_t outputs, int64_t inputs) {
  Random random(5);
  RowMixture mixture;
  for (int64_t m = 0; m < outputs; ++m) {
    for (int64_t i = 0; i < m % 5; ++i) {
      mixture.rows.push_back(static_cast<int64_t>(random.Below(static_cast<uint64_t>(inputs))));
      mixture.weights.push_back(random.Normal());
    }
    mixture.begin.push_back(static_cast<int64_t>(mixture.rows.size()));
  }
  return mixture;
}

TEST(RowMixtureKernels, GiveTheBitsOfThePlainLoop) {
  for (const DType dtype : {DType::kF64, DType::kF32, DType::kBF16, DType::kF16}) {
    for (const int64_t n : {0, 1, 5, 16, 33}) {
      for (const int64_t outputs : {0, 1, 40}) {
        const RowMixture mixture = SomeMixture(outputs, 7);
        const Tensor x = Values({7, n}, {dtype});
        ExpectSameBits(MixRows(x, mixture), reference::MixRows(x, mixture));
      }
    }
  }
}

TEST(RowMixtureKernels, ThreadsDoNotChangeBits) {
  const RowMixture mixture = SomeMixture(3000, 100);
  const Tensor x = Values({100, 64}, {});
  ExpectSameForAnyThreads([&] { return MixRows(x, mixture); });
}

TEST(RowMixtureKernels, TheTransposeSwapsRowsAndTermsInTheirOrder) {
  const RowMixture mixture{.begin = {0, 2, 2, 3}, .rows = {1, 0, 1}, .weights = {2, 3, 5}};
  const RowMixture t = Transposed(mixture, 3);
  EXPECT_THAT(t.begin, ElementsAre(0, 1, 3, 3));
  EXPECT_THAT(t.rows, ElementsAre(0, 0, 2));
  EXPECT_THAT(t.weights, ElementsAre(3, 2, 5));
}

}  // namespace
}  // namespace tessera::kernels
