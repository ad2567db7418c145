#include "tessera/ops/gather.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ops/check_derivatives.h"

namespace tessera::ops {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;
using Inputs = std::vector<Tensor>;

Tensor Rows(const std::vector<int64_t>& rows) { return Tensor::From(rows, {static_cast<int64_t>(rows.size())}); }

TEST(Gather, Derivatives) {
  const Tensor rows = Rows({2, 0, 2, 1, 2});
  CheckDerivatives([&](const Inputs& in) { return GatherRows(in[0], rows); }, {Normal({4, 3})});
  CheckDerivatives([&](const Inputs& in) { return ScatterAddRows(in[0], rows, 4); }, {Normal({5, 3})});
}

TEST(MixRows, Derivatives) {
  const Tensor rows = Tensor::From<int64_t>({2, 0, 2, 1, 3, 3}, {3, 2});
  CheckDerivatives([&](const Inputs& in) { return MixRows(in[0], rows, in[1]); }, {Normal({4, 3}), Normal({3, 2}, 2)});
}

TEST(MixRows, AddsWeighedRows) {
  const Tensor x = Tensor::From<float>({1, 2, 3, 4, 5, 6}, {3, 2});
  const Tensor rows = Tensor::From<int64_t>({2, 0, 1, 1}, {2, 2});
  EXPECT_THAT(MixRows(x, rows, Tensor::From<float>({1, 10, 0.5f, 2}, {2, 2})).data<float>(),
              ElementsAre(15, 26, 7.5f, 10));
  EXPECT_EQ(MixRows(x, Tensor::Empty({0, 2}, DType::kI64), Tensor::Empty({0, 2})).shape(), (Shape{0, 2}));
  EXPECT_THAT(
      [&] {
        MixRows(x, Tensor::From<int64_t>({0, 3}, {1, 2}), Tensor::Zeros({1, 2}));
      },
      ThrowsMessage<Error>(HasSubstr("mix_rows: index 3 at place 1")));
  EXPECT_THROW(MixRows(x, rows, Tensor::Zeros({2, 3})), Error);
}

TEST(Gather, ScatterAddsRowsThatRepeatAndLeavesOthersZero) {
  const Tensor x = Tensor::From<float>({1, 2, 3, 4, 5, 6}, {3, 2});
  EXPECT_THAT(GatherRows(x, Rows({2, 2, 0})).data<float>(), ElementsAre(5, 6, 5, 6, 1, 2));
  EXPECT_THAT(ScatterAddRows(x, Rows({2, 0, 2}), 3).data<float>(), ElementsAre(3, 4, 0, 0, 6, 8));
  EXPECT_EQ(GatherRows(x, Rows({})).shape(), (Shape{0, 2}));
  EXPECT_THAT(ScatterAddRows(Tensor::Zeros({0, 2}), Rows({}), 1).data<float>(), ElementsAre(0, 0));
}

TEST(Gather, RowsOutsideAreRefused) {
  const Tensor x = Tensor::Zeros({3, 2});
  EXPECT_THAT([&] { GatherRows(x, Rows({0, 3})); }, ThrowsMessage<Error>(HasSubstr("gather_rows: index 3 at place 1")));
  EXPECT_THAT([&] { GatherRows(x, Rows({-1})); }, ThrowsMessage<Error>(HasSubstr("index -1")));
  EXPECT_THAT([&] { ScatterAddRows(x, Rows({0, 1, 2}), 2); }, ThrowsMessage<Error>(HasSubstr("index 2 at place 2")));
  EXPECT_THROW(ScatterAddRows(x, Rows({0}), 2), Error);
}

}  // namespace
}  // namespace tessera::ops
