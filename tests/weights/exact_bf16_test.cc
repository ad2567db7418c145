#include "tessera/weights/exact_bf16.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <vector>

namespace tessera::weights {
namespace {

Tensor OfBits(const std::vector<uint16_t>& bits) {
  Tensor x = Tensor::Empty({std::ssize(bits)}, DType::kF16);
  std::copy(bits.begin(), bits.end(), reinterpret_cast<uint16_t*>(x.mutable_raw()));
  return x;
}

// Each of the 65,536 numbers alone, and among ordinary ones.
TEST(ExactBf16, KnowsOfEveryNumberWhetherBf16HasIt) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = Float16::ToFloat(static_cast<uint16_t>(bits));
    const bool exact = (std::bit_cast<uint32_t>(value) & 0xffff) == 0;
    for (const bool alone : {true, false}) {
      std::vector<uint16_t> all(alone ? 1 : 100, 0x3c00);  // 1
      all.back() = static_cast<uint16_t>(bits);
      const Tensor narrow = ToBf16IfExact(OfBits(all));
      ASSERT_EQ(narrow.dtype(), exact ? DType::kBF16 : DType::kF16) << value;
      const float again = narrow.To(DType::kF32).data<float>().back();
      ASSERT_TRUE(again == value || (std::isnan(again) && std::isnan(value))) << value << " became " << again;
      ASSERT_EQ(std::signbit(again), std::signbit(value));
    }
  }
}

TEST(ExactBf16, OneNumberAmongManyKeepsTheWholeInF16) {
  std::vector<uint16_t> bits(300000, 0x3c00);
  EXPECT_EQ(ToBf16IfExact(OfBits(bits)).dtype(), DType::kBF16);
  bits[299999] = 0x3c01;
  const Tensor kept = OfBits(bits);
  EXPECT_EQ(ToBf16IfExact(kept).raw(), kept.raw());
}

TEST(ExactBf16, LeavesOtherDTypesAlone) {
  const Tensor x = Tensor::Full({3}, 1);
  EXPECT_EQ(ToBf16IfExact(x).raw(), x.raw());
  EXPECT_EQ(ToBf16IfExact(Tensor::Empty({0}, DType::kF16)).numel(), 0);
}

}  // namespace
}  // namespace tessera::weights
