#include "tessera/weights/quantize_blocks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "tessera/core/error.h"
#include "tessera/core/random.h"
#include "tessera/core/thread_pool.h"

namespace tessera::weights {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

Tensor Weights(const Shape& shape, uint64_t seed, float size = 0.05f) {
  Tensor x = Tensor::Empty(shape);
  Random random(seed);
  for (float& value : x.mutable_data<float>()) value = size * static_cast<float>(random.Normal());
  return x;
}

double RmsError(const Tensor& x, const Tensor& y) {
  double error = 0, norm = 0;
  for (size_t i = 0; i < x.data<float>().size(); ++i) {
    const double a = x.data<float>()[i], b = y.data<float>()[i];
    error += (a - b) * (a - b);
    norm += a * a;
  }
  return std::sqrt(error / norm);
}

std::string MessageOf(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Quantize, KeepsTheShapeAndComesNearTheValues) {
  const Tensor x = Weights({3, 5, 512}, 1);
  const struct {
    DType dtype;
    double bound;
  } cases[] = {{DType::kF32, 0},     {DType::kF16, 3e-4},  {DType::kBF16, 2e-3}, {DType::kQ8_0, 0.006},
               {DType::kQ5_1, 0.04}, {DType::kQ5_0, 0.05}, {DType::kQ4_1, 0.08}, {DType::kQ4_0, 0.1}};
  for (const auto& [dtype, bound] : cases) {
    const Tensor y = Quantize(x, dtype);
    EXPECT_EQ(y.shape(), x.shape());
    EXPECT_EQ(y.dtype(), dtype);
    EXPECT_LE(RmsError(x, Dequantize(y)), bound) << Name(dtype);
  }
}

TEST(Quantize, GivesTheSameBitsForAnyNumberOfThreads) {
  const Tensor x = Weights({65, 256}, 2);
  const int threads = ThreadCount();
  SetThreadCount(1);
  const Tensor one = Quantize(x, DType::kQ4_1), back_one = Dequantize(one);
  SetThreadCount(4);
  const Tensor four = Quantize(x, DType::kQ4_1), back_four = Dequantize(one);
  SetThreadCount(threads);
  EXPECT_EQ(std::memcmp(one.raw(), four.raw(), static_cast<size_t>(one.bytes())), 0);
  EXPECT_EQ(std::memcmp(back_one.raw(), back_four.raw(), static_cast<size_t>(back_one.bytes())), 0);
}

TEST(Quantize, NamesTheTensorAndThePlaceOfANan) {
  Tensor x = Weights({4, 64}, 3);
  x.mutable_data<float>()[2 * 64 + 5] = std::nanf("");
  EXPECT_THAT(MessageOf([&] { Quantize(x, DType::kQ4_0, {.name = "blk.0.attn_q.weight"}); }),
              ::testing::HasSubstr("blk.0.attn_q.weight: value 5 of row 2 is nan"));
}

TEST(Quantize, RefusesInfinitiesAndValuesBeyondTheScales) {
  for (const DType dtype : {DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1, DType::kQ8_0, DType::kF16}) {
    for (const float bad : {kInfinity, -kInfinity, 3e38f, -3e38f, 1e8f}) {
      Tensor x = Weights({2, 32}, 4);
      x.mutable_data<float>()[40] = bad;
      EXPECT_THROW(Quantize(x, dtype), Error) << Name(dtype) << " " << bad;
    }
    Tensor x = Weights({2, 32}, 4);
    x.mutable_data<float>()[40] = -65504;
    EXPECT_NO_THROW(Quantize(x, dtype)) << Name(dtype);
  }
}

TEST(Quantize, RefusesRowsThatAreNotWholeBlocksAndOtherInputs) {
  EXPECT_THROW(Quantize(Weights({2, 33}, 5), DType::kQ4_0), Error);
  EXPECT_THROW(Quantize(Tensor::Scalar(1.0f), DType::kQ4_0), Error);
  EXPECT_THROW(Quantize(Tensor::Zeros({32}, DType::kI8), DType::kQ4_0), Error);
  EXPECT_THROW(Quantize(Tensor::Zeros({32, 32}).Transpose(0, 1), DType::kQ4_0), Error);
  EXPECT_THROW(Quantize(Weights({32}, 5), DType::kI32), Error);
  EXPECT_THROW(Dequantize(Tensor::Zeros({32}, DType::kI32)), Error);
}

TEST(Quantize, ReadsEveryFormatThatCanBeRead) {
  const Tensor x = Weights({4, 256}, 8);
  for (const DType from : {DType::kF64, DType::kBF16, DType::kQ6_K, DType::kQ4_1}) {
    const Tensor source = from == DType::kF64 ? x.To(from) : Quantize(x, from);
    const Tensor direct = Quantize(source, DType::kQ5_K), by_f32 = Quantize(Dequantize(source), DType::kQ5_K);
    EXPECT_EQ(std::memcmp(direct.raw(), by_f32.raw(), static_cast<size_t>(direct.bytes())), 0) << Name(from);
    EXPECT_EQ(Quantize(source, from == DType::kF64 ? DType::kF32 : from).shape(), x.shape());
  }
}

TEST(Quantize, OfAnEmptyTensorIsEmpty) {
  EXPECT_EQ(Quantize(Tensor::Empty({0, 32}), DType::kQ4_0).shape(), (Shape{0, 32}));
  EXPECT_EQ(Dequantize(Quantize(Tensor::Empty({3, 0}), DType::kQ4_0)).shape(), (Shape{3, 0}));
}

TEST(Quantize, ReportsEveryValueOnce) {
  int64_t done = 0;
  Quantize(Weights({70, 512}, 6), DType::kQ8_0, {.on_values = [&](int64_t values) { done += values; }});
  EXPECT_EQ(done, 70 * 512);
}

// A block that already is in a format comes back as it is, so quantising twice loses nothing more. It holds for the
// formats whose scale is recovered exactly from the extreme value, which has the outermost code.
TEST(Quantize, IsIdempotentForSymmetricFormats) {
  for (const DType dtype : {DType::kQ4_0, DType::kQ5_0, DType::kQ8_0}) {
    const Tensor once = Dequantize(Quantize(Weights({64, 256}, 7), dtype));
    const Tensor twice = Dequantize(Quantize(once, dtype));
    EXPECT_EQ(RmsError(once, twice), 0) << Name(dtype);
  }
}

TEST(Dequantize, WidensPlainTypes) {
  const Tensor x = Tensor::From<BFloat16>({BFloat16(1.5f), BFloat16(-2.0f)}, {2});
  EXPECT_THAT(Dequantize(x).data<float>(), ::testing::ElementsAre(1.5f, -2.0f));
  const Tensor scalar = Tensor::Scalar(3.25);
  EXPECT_EQ(Dequantize(scalar).item<float>(), 3.25f);
}

}  // namespace
}  // namespace tessera::weights
