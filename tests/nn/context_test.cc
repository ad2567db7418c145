#include "tessera/nn/context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace tessera::nn {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(PlainContext, LaysSequencesEndToEndEachFromPositionZero) {
  const Context context = PlainContext(std::array<int64_t, 3>{3, 0, 2});
  EXPECT_THAT(context.positions.data<int64_t>(), ElementsAre(0, 1, 2, 0, 1));
  EXPECT_EQ(context.pattern.sequences.size(), 3u);
  EXPECT_EQ(context.pattern.key_rows(), 5);
  EXPECT_NO_THROW(CheckContext(context, 5, 2));
}

TEST(CheckContext, NamesWhatDoesNotFit) {
  Context context = PlainContext(std::array<int64_t, 1>{3});
  EXPECT_THAT([&] { CheckContext(context, 4, 2); }, ThrowsMessage<Error>(HasSubstr("positions")));
  context.pattern.sequences[0].key_count = 5;
  EXPECT_THAT([&] { CheckContext(context, 3, 2); }, ThrowsMessage<Error>(HasSubstr("key rows")));
  const std::array<kernels::KvPages, 1> layers{};
  const std::array<int64_t, 2> slots{0, 1};
  context.cache = KvView{layers, slots};
  EXPECT_THAT([&] { CheckContext(context, 3, 2); }, ThrowsMessage<Error>(HasSubstr("1 layers")));
  EXPECT_THAT([&] { CheckContext(context, 3, 1); }, ThrowsMessage<Error>(HasSubstr("2 cache slots")));
  context.positions = Tensor::From<int64_t>({0, -1, 2}, {3});
  EXPECT_THAT([&] { CheckContext(context, 3, 1); }, ThrowsMessage<Error>(HasSubstr("negative")));
}

TEST(CheckContext, NamesTheSequenceThatHasNotAsManyRowsAsAreWanted) {
  Context context = PlainContext(std::array<int64_t, 2>{3, 2});
  context.wanted = {1};
  EXPECT_THAT([&] { CheckContext(context, 5, 1); }, ThrowsMessage<Error>(HasSubstr("wanted of 1 sequences")));
  context.wanted = {1, 3};
  EXPECT_THAT([&] { CheckContext(context, 5, 1); }, ThrowsMessage<Error>(HasSubstr("3 rows wanted of sequence 1")));
  context.wanted = {1, -1};
  EXPECT_THAT([&] { CheckContext(context, 5, 1); }, ThrowsMessage<Error>(HasSubstr("-1 rows wanted of sequence 1")));
  context.wanted = {1, 0};
  EXPECT_NO_THROW(CheckContext(context, 5, 1));
  context.pattern.sequences[0].tree_parents = {-1, 0, 0};
  EXPECT_THAT([&] { CheckContext(context, 5, 1); }, ThrowsMessage<Error>(HasSubstr("a tree gives all or none")));
  context.wanted = {3, 0};
  EXPECT_NO_THROW(CheckContext(context, 5, 1));
}

}  // namespace
}  // namespace tessera::nn
