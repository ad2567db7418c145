#include "tessera/kernels/kv_pages.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tessera/core/random.h"

namespace tessera::kernels {
namespace {

// Pages of one layer with their own memory, filled with a byte that is no sensible number.
struct Memory {
  KvPages pages;
  std::vector<std::byte> bytes;
  Memory(const KvPageFormat& format, int64_t count)
      : pages{format, nullptr, count}, bytes(static_cast<size_t>(format.page_bytes() * count), std::byte{0xff}) {
    pages.base = bytes.data();
  }
};

Tensor Waves(const Shape& shape, float phase) {
  Tensor x = Tensor::Empty(shape);
  float i = phase;
  for (float& value : x.mutable_data<float>()) value = 3 * std::sin(i += 0.7f);
  return x;
}

class KvPagesOfType : public testing::TestWithParam<DType> {};

// Half a step of the stored format at magnitude 3.
float Tolerance(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return 0;
    case DType::kF16:
      return 3 * 0x1p-11f;
    case DType::kBF16:
      return 3 * 0x1p-8f;
    default:
      return 3.0f / 127 * 0.57f;
  }
}

TEST_P(KvPagesOfType, WhatIsStoredIsLoadedRounded) {
  for (const auto& [key_dim, value_dim] : {std::pair{1, 1}, {5, 3}, {16, 40}, {33, 64}, {64, 64}, {192, 128}}) {
    Memory memory({GetParam(), 2, key_dim, value_dim}, 3);
    const std::vector<int64_t> slots{0, 63, 64, 130, 191};
    const Tensor k = Waves({5, 2, key_dim}, 0), v = Waves({5, 2, value_dim}, 1);
    StoreKv(memory.pages, slots, k, v);
    for (size_t t = 0; t < slots.size(); ++t) {
      const auto [key, value] = LoadKv(memory.pages, slots[t]);
      for (size_t i = 0; i < key.data<float>().size(); ++i)
        ASSERT_NEAR(key.data<float>()[i], k.data<float>()[t * key.data<float>().size() + i], Tolerance(GetParam()));
      for (size_t i = 0; i < value.data<float>().size(); ++i)
        ASSERT_NEAR(value.data<float>()[i], v.data<float>()[t * value.data<float>().size() + i], Tolerance(GetParam()));
    }
  }
}

// Prompts come as runs of neighbours, answers token by token.
TEST_P(KvPagesOfType, TokensTogetherLieAsOneByOneInEveryByte) {
  for (const auto& [key_dim, value_dim] : {std::pair{1, 1}, {5, 3}, {16, 40}, {33, 64}, {64, 64}, {192, 128}}) {
    for (const bool values_in_keys : {false, true}) {
      if (values_in_keys && value_dim > key_dim) continue;
      const KvPageFormat format{GetParam(), 2, key_dim, value_dim, values_in_keys};
      Memory together(format, 4), alone(format, 4);
      std::vector<int64_t> slots{7, 200, 201};  // then a run that begins in the middle of a word and crosses pages
      for (int64_t slot = 61; slot < 61 + 71; ++slot) slots.push_back(slot);
      slots.push_back(9);
      const int64_t rows = std::ssize(slots);
      const Tensor k = Waves({rows, 2, key_dim}, 0), v = values_in_keys ? Tensor() : Waves({rows, 2, value_dim}, 1);
      StoreKv(together.pages, slots, k, v);
      for (int64_t t = 0; t < rows; ++t)
        StoreKv(alone.pages, std::span(slots).subspan(static_cast<size_t>(t), 1), k.Slice(0, t, t + 1),
                v ? v.Slice(0, t, t + 1) : v);
      ASSERT_EQ(together.bytes, alone.bytes) << key_dim << " " << value_dim << " " << values_in_keys;
    }
  }
}

TEST_P(KvPagesOfType, MovingATokenKeepsItsBitsAndTouchesNoOther) {
  Memory memory({GetParam(), 2, 33, 7}, 2);
  std::vector<int64_t> slots(128);
  for (size_t i = 0; i < slots.size(); ++i) slots[i] = static_cast<int64_t>(i);
  StoreKv(memory.pages, slots, Waves({128, 2, 33}, 0), Waves({128, 2, 7}, 1));
  const auto bits = [&](int64_t slot) {
    const auto [k, v] = LoadKv(memory.pages, slot);
    std::vector<float> all(k.data<float>().begin(), k.data<float>().end());
    all.insert(all.end(), v.data<float>().begin(), v.data<float>().end());
    return all;
  };
  std::vector<std::vector<float>> before;
  for (int64_t slot : slots) before.push_back(bits(slot));
  MoveKv(memory.pages, std::vector<int64_t>{70, 127, 5}, std::vector<int64_t>{5, 6, 7});
  before[5] = before[70], before[6] = before[127], before[7] = before[5];
  for (int64_t slot : slots) EXPECT_EQ(bits(slot), before[static_cast<size_t>(slot)]) << slot;
}

TEST_P(KvPagesOfType, PagesAreMultiplesOf64Bytes) {
  for (int64_t dim : {1, 5, 33, 128}) EXPECT_EQ((KvPageFormat{GetParam(), 3, dim, dim + 1}.page_bytes() % 64), 0);
}

TEST_P(KvPagesOfType, ValuesInKeysAreTheirBeginningAndAreMovedWithThem) {
  for (const auto& [key_dim, value_dim] : {std::pair{1, 1}, {33, 7}, {40, 32}, {576, 512}}) {
    Memory memory({GetParam(), 2, key_dim, value_dim, true}, 2);
    const std::vector<int64_t> slots{0, 63, 64};
    const Tensor k = Waves({3, 2, key_dim}, 0);
    StoreKv(memory.pages, slots, k, {});
    MoveKv(memory.pages, slots, std::vector<int64_t>{5, 6, 127});
    for (const auto& [slot, row] : {std::pair{0, 0}, {63, 1}, {64, 2}, {5, 0}, {6, 1}, {127, 2}}) {
      const auto [key, value] = LoadKv(memory.pages, slot);
      for (int64_t head = 0; head < 2; ++head) {
        const float* stored = key.data<float>().data() + head * key_dim;
        for (int64_t d = 0; d < key_dim; ++d) {
          const int64_t place = (row * 2 + head) * key_dim + d;
          ASSERT_NEAR(stored[d], k.data<float>()[static_cast<size_t>(place)], Tolerance(GetParam()));
        }
        for (int64_t d = 0; d < value_dim; ++d)
          ASSERT_EQ(value.data<float>()[static_cast<size_t>(head * value_dim + d)], stored[d]);
      }
    }
  }
}

// What Moonlight's cache promises: 576 numbers a token, in whatever type.
TEST_P(KvPagesOfType, ValuesInKeysTakeNoBytes) {
  const double number = GetParam() == DType::kF32 ? 4 : GetParam() == DType::kQ8_0 ? 34.0 / 32 : 2;
  EXPECT_EQ((KvPageFormat{GetParam(), 1, 576, 512, true}.page_bytes()), 64 * 576 * number);
}

INSTANTIATE_TEST_SUITE_P(Types, KvPagesOfType, testing::Values(DType::kF32, DType::kBF16, DType::kF16, DType::kQ8_0),
                         [](const auto& type) { return std::string(Name(type.param)); });

TEST(KvPages, CodesOfQ8AreRoundedHalvesAwayFromZeroAndNaNKeepsItsBlock) {
  Memory memory({DType::kQ8_0, 1, 64, 32}, 1);
  Tensor k = Tensor::Empty({1, 1, 64}), v = Tensor::Zeros({1, 1, 32});
  const auto x = k.mutable_data<float>();
  for (size_t d = 0; d < 64; ++d) x[d] = 0.25f * static_cast<float>(static_cast<int>(d % 32) - 16);
  x[0] = 127 * 0.5f;  // a step of a half: quarters are halves of it
  x[40] = NAN;
  StoreKv(memory.pages, std::vector<int64_t>{3}, k, v);
  const auto [key, value] = LoadKv(memory.pages, 3);
  for (size_t d = 0; d < 32; ++d) EXPECT_EQ(key.data<float>()[d], 0.5f * std::round(x[d] / 0.5f)) << d;
  EXPECT_TRUE(std::isnan(key.data<float>()[40]));
  EXPECT_TRUE(std::isnan(key.data<float>()[50])) << "its block has one scale";
  EXPECT_EQ(value.data<float>()[0], 0);
}

TEST(KvPages, RefuseSlotsOutsideAndOtherShapes) {
  Memory memory({DType::kF32, 1, 4, 4}, 2);
  const Tensor x = Waves({1, 1, 4}, 0);
  EXPECT_THROW(StoreKv(memory.pages, std::vector<int64_t>{128}, x, x), Error);
  EXPECT_THROW(StoreKv(memory.pages, std::vector<int64_t>{-1}, x, x), Error);
  EXPECT_THROW(StoreKv(memory.pages, std::vector<int64_t>{0, 1}, x, x), Error);
  EXPECT_THROW(LoadKv(memory.pages, 128), Error);
  EXPECT_THROW(MoveKv(memory.pages, std::vector<int64_t>{0}, std::vector<int64_t>{128}), Error);
  EXPECT_THROW((KvPageFormat{DType::kQ4_0, 1, 32, 32}.page_bytes()), Error);
  EXPECT_THROW((KvPageFormat{DType::kF32, 0, 32, 32}.page_bytes()), Error);
  EXPECT_THROW((KvPageFormat{DType::kF32, 1, 32, 33, true}.page_bytes()), Error);
}

}  // namespace
}  // namespace tessera::kernels
