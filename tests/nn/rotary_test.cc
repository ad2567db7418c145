// Angles of one and of three positions a token, and of the patches of a picture.

#include "tessera/nn/rotary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "tessera/nn/grid_rotary.h"

namespace tessera::nn {
namespace {

using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::ThrowsMessage;

const RopeConfig kThree{.rotary_dim = 8, .theta = 100, .sections = {1, 2, 1}};

TEST(Rotary, EachPairTurnsByThePositionOfItsSection) {
  Context context = PlainContext(std::array<int64_t, 1>{2});
  context.positions = Tensor::From<int64_t>({3, 4, 5, 6, 7, 8}, {3, 2});  // time, height, width
  const RotaryTables tables = Rope(kThree, ops::RotaryLayout::kHalves).Tables(context);
  const std::vector<float> theta = InverseFrequencies(kThree, 0);
  const float angles[] = {3 * theta[0], 5 * theta[1], 5 * theta[2], 7 * theta[3],   // the first token
                          4 * theta[0], 6 * theta[1], 6 * theta[2], 8 * theta[3]};  // the second
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_FLOAT_EQ(tables.cos.data<float>()[i], std::cos(angles[i])) << i;
    EXPECT_FLOAT_EQ(tables.sin.data<float>()[i], std::sin(angles[i])) << i;
  }
}

TEST(Rotary, ThreeEqualPositionsAreOne) {
  Context context = PlainContext(std::array<int64_t, 2>{3, 2});
  const Rope rope(kThree, ops::RotaryLayout::kHalves);
  const RotaryTables one = rope.Tables(context);
  context.positions = Tensor::From<int64_t>({0, 1, 2, 0, 1, 0, 1, 2, 0, 1, 0, 1, 2, 0, 1}, {3, 5});
  CheckContext(context, 5, 1);
  const RotaryTables three = rope.Tables(context);
  EXPECT_THAT(three.cos.data<float>(), ElementsAreArray(one.cos.data<float>()));
  EXPECT_THAT(three.sin.data<float>(), ElementsAreArray(one.sin.data<float>()));
}

TEST(Rotary, ThreePositionsNeedSections) {
  Context context = PlainContext(std::array<int64_t, 1>{1});
  context.positions = Tensor::Zeros({3, 1}, DType::kI64);
  EXPECT_THAT([&] { Rope({.rotary_dim = 8}, ops::RotaryLayout::kHalves).Tables(context); },
              ThrowsMessage<Error>(HasSubstr("mrope_section")));
}

TEST(Rotary, SectionsThatDoNotAddUpAreRefused) {
  for (const char* sections : {"[1, 2]", "[1, 2, 2]", "[-1, 4, 1]", "[1.5, 1, 1]", "7", "{}", "[9e18, 1, 1]"}) {
    const Json config = ParseJson(fmt::format(R"({{"rope_parameters": {{"mrope_section": {}}}}})", sections), "c");
    EXPECT_THAT([&] { ReadRopeConfig(config, 8); }, ThrowsMessage<Error>(HasSubstr("mrope_section"))) << sections;
  }
}

TEST(GridRotary, HalfOfThePairsTurnByTheRowAndHalfByTheColumn) {
  const std::array<GridPlace, 2> places = {{{2, 5}, {0, 7}}};
  const RotaryTables tables = GridRotary(places, 8, 10000);
  ASSERT_EQ(tables.cos.shape(), (Shape{2, 4}));
  const float angles[] = {2, 2 / 100.f, 5, 5 / 100.f, 0, 0, 7, 7 / 100.f};  // θ = 1 and 10000^(-1/2)
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_FLOAT_EQ(tables.cos.data<float>()[i], std::cos(angles[i])) << i;
    EXPECT_FLOAT_EQ(tables.sin.data<float>()[i], std::sin(angles[i])) << i;
  }
  EXPECT_THROW(GridRotary(places, 6, 10000), Error);
}

TEST(InterleavedGridRotary, ColumnsAndRowsTakeTurns) {
  const std::array<GridPlace, 2> places = {{{2, 5}, {0, 7}}};
  const RotaryTables tables = InterleavedGridRotary(places, 8, 10000);
  ASSERT_EQ(tables.cos.shape(), (Shape{2, 4}));
  const float angles[] = {5, 2, 5 / 100.f, 2 / 100.f, 7, 0, 7 / 100.f, 0};  // θ = 1 and 10000^(-1/2)
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_FLOAT_EQ(tables.cos.data<float>()[i], std::cos(angles[i])) << i;
    EXPECT_FLOAT_EQ(tables.sin.data<float>()[i], std::sin(angles[i])) << i;
  }
}

}  // namespace
}  // namespace tessera::nn
