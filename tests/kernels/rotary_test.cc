#include "tessera/kernels/rotary.h"

#include <gtest/gtest.h>

#include <limits>

#include "kernels/accuracy.h"
#include "kernels/for_each_isa.h"
#include "tessera/kernels/reference/rotary.h"

namespace tessera::kernels {
namespace {

TEST(RotaryKernels, AreAsExactAsThePlainFormulaForEveryNumberOfPairs) {
  ForEachIsa([](Isa) {
    for (DType dtype : kFastDTypes) {
      for (int64_t pairs = 0; pairs <= kLongestRow; ++pairs) {
        const Tensor cos = Values({3, pairs}, {.seed = 2}), sin = Values({3, pairs}, {.seed = 3});
        for (RotaryLayout layout : {RotaryLayout::kHalves, RotaryLayout::kPairs}) {
          for (bool backwards : {false, true}) {
            const RotaryOptions options{.layout = layout, .backwards = backwards};
            for (int64_t size : {2 * pairs, 2 * pairs + 3}) {
              ExpectSameBits(Rotary(Values({3, 2, size}, {dtype}), cos, sin, options),
                             reference::Rotary(Values({3, 2, size}, {dtype}), cos, sin, options));
            }
          }
        }
      }
    }
  });
}

TEST(RotaryKernels, OnePairWithNaNLeavesTheOthersAlone) {
  Tensor x = Values({1, 1, 40}, {}).Clone();
  x.mutable_data<float>()[3] = std::numeric_limits<float>::quiet_NaN();
  const Tensor cos = Values({1, 20}, {.seed = 2}), sin = Values({1, 20}, {.seed = 3});
  ForEachIsa([&](Isa) {
    const Tensor y = Rotary(x, cos, sin, {});
    for (int64_t i = 0; i < 40; ++i) EXPECT_EQ(std::isnan(y.data<float>()[i]), i == 3 || i == 23) << i;
  });
}

TEST(RotaryKernels, ThreadsDoNotChangeBits) {
  const Tensor x = Values({300, 3, 64}, {}), cos = Values({300, 32}, {.seed = 2}), sin = Values({300, 32}, {.seed = 3});
  ForEachIsa([&](Isa) { ExpectSameForAnyThreads([&] { return Rotary(x, cos, sin, {}); }); });
}

}  // namespace
}  // namespace tessera::kernels
