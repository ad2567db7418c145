#include "tessera/kernels/gather.h"

#include <gtest/gtest.h>

#include "kernels/accuracy.h"
#include "tessera/core/random.h"
#include "tessera/kernels/reference/gather.h"

namespace tessera::kernels {
namespace {

std::vector<int64_t> SomeRows(int64_t count, int64_t bound) {
  Random random(3);
  std::vector<int64_t> rows(static_cast<size_t>(count));
  for (int64_t& row : rows) row = static_cast<int64_t>(random.Below(static_cast<uint64_t>(bound)));
  return rows;
}

TEST(GatherKernels, GiveTheBitsOfThePlainLoop) {
  for (DType dtype : {DType::kF64, DType::kF32, DType::kBF16, DType::kF16}) {
    for (int64_t n : {0, 1, 5, 16, 33}) {
      for (int64_t count : {0, 1, 40}) {
        const std::vector<int64_t> rows = SomeRows(count, 7);
        const Tensor table = Values({7, n}, {dtype}), x = Values({count, n}, {dtype});
        ExpectSameBits(GatherRows(table, rows), reference::GatherRows(table, rows));
        ExpectSameBits(ScatterAddRows(x, rows, 7), reference::ScatterAddRows(x, rows, 7));
      }
    }
  }
}

TEST(GatherKernels, ThreadsDoNotChangeBits) {
  const std::vector<int64_t> rows = SomeRows(3000, 100);
  const Tensor x = Values({3000, 64}, {});
  ExpectSameForAnyThreads([&] { return ScatterAddRows(x, rows, 100); });
  ExpectSameForAnyThreads([&] { return GatherRows(x, rows); });
}

}  // namespace
}  // namespace tessera::kernels
