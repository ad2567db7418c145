#include "tessera/core/random.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tessera {
namespace {

// Known answers of the Random123 distribution (kat_vectors, philox4x32 10).
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(Philox({0, 0, 0, 0}, {0, 0}), (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, SeekingGivesTheSameValuesAgain) {
  Random a(7, 3), b(7, 3);
  for (int i = 0; i < 10; ++i) a.Next();
  b.Seek(10);
  EXPECT_EQ(a.Next64(), b.Next64());
}

TEST(Random, NormalHasMeanZeroAndVarianceOne) {
  Random random(1);
  double sum = 0, squares = 0;
  constexpr int kN = 100000;
  for (int i = 0; i < kN; ++i) {
    const double x = random.Normal();
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / kN, 0, 4 / std::sqrt(kN));
  EXPECT_NEAR(squares / kN, 1, 4 * std::sqrt(2.0 / kN));
}

TEST(Random, BelowStaysBelow) {
  Random random(2);
  int seen[3] = {};
  for (int i = 0; i < 3000; ++i) ++seen[random.Below(3)];
  for (int n : seen) EXPECT_GT(n, 900);
}

}  // namespace
}  // namespace tessera
