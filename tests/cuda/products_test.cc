// Products on the GPU against the definition in double, and a row alone against itself in company.
#include "tessera/kernels/cuda/products.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/product_data.h"
#include "tessera/core/gpu.h"
#include "tessera/kernels/packed_weight.h"

namespace tessera::kernels::cuda {
namespace {

constexpr DType kWeightDTypes[] = {DType::kF32, DType::kBF16, DType::kQ8_0, DType::kQ4_0, DType::kQ4_1};
constexpr DType kFloats[] = {DType::kF32, DType::kBF16};
constexpr Activation kActivations[] = {Activation::kNone, Activation::kGelu, Activation::kGeluTanh,
                                       Activation::kQuickGelu};

class CudaProducts : public testing::Test {
 protected:
  void SetUp() override {
    if (!gpu::Available()) GTEST_SKIP() << "no Hopper GPU is here";
  }
};

Tensor ToGpu(const Tensor& x) { return x.defined() ? x.To(Device::kCuda) : x; }
Tensor ToCpu(const Tensor& x) { return x.To(Device::kCpu); }

double Silu(double x) { return x / (1 + std::exp(-x)); }
double ActivatedInDouble(double x, Activation activation) {
  switch (activation) {
    case Activation::kGelu:
      return x * 0.5 * std::erfc(-x / std::sqrt(2.0));
    case Activation::kGeluTanh:
      return x * 0.5 * (1 + std::tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
    case Activation::kQuickGelu:
      return x / (1 + std::exp(-1.702 * x));
    default:
      return x;
  }
}

// f(sums + bias), both in double.
std::vector<double> Finished(const Tensor& sums, const Tensor& bias, Activation activation) {
  const auto values = sums.data<double>();
  std::vector<double> y(values.begin(), values.end());
  const Tensor wide = bias.defined() ? bias.To(DType::kF64) : bias;
  const auto cols = static_cast<size_t>(sums.dim(1));
  for (size_t i = 0; i < y.size(); ++i)
    y[i] = ActivatedInDouble(y[i] + (bias.defined() ? wide.data<double>()[i % cols] : 0), activation);
  return y;
}

// The norm of the error of y, in units of the norm of what is expected; the first rows of `expected` are y's.
double RelativeError(const Tensor& y, const std::vector<double>& expected) {
  const Tensor wide = ToCpu(y).To(DType::kF64);
  double error = 0, norm = 0;
  for (size_t i = 0; i < wide.data<double>().size(); ++i) {
    error += std::pow(wide.data<double>()[i] - expected[i], 2);
    norm += expected[i] * expected[i];
  }
  return std::sqrt(error / norm);
}

// bf16 keeps 8 bits: an error of 2^-9 at most in each value that is rounded to it, half of that in the norm.
double Tolerance(int64_t rows, DType x, DType weight, DType y) {
  const bool weight_is_rounded = rows > kFewRows && x == DType::kBF16 && IsQuantized(weight);
  const bool rounded = weight_is_rounded || y == DType::kBF16;
  return rounded ? 5e-3 : 2e-5;
}

void ExpectProducts(DType weight_dtype, DType x_dtype, int64_t rows, int64_t cols, int64_t outputs) {
  SCOPED_TRACE(testing::Message() << Name(weight_dtype) << " [" << outputs << ", " << cols << "], x " << Name(x_dtype));
  const auto seed = static_cast<uint64_t>(cols * 1000 + outputs);
  const Tensor x = RandomMatrix(rows, cols, seed + 1, x_dtype), w = RandomWeight(outputs, cols, seed, weight_dtype);
  const Tensor sums = reference::Product(x, w), x_gpu = ToGpu(x), w_gpu = WeightToGpu(w);
  size_t turn = 0;
  for (const int64_t m : {1, 2, 3, 4, 5, 6, 7, 8, 9, 17, 100}) {
    if (m > rows) break;
    for (const DType y_dtype : kFloats) {
      for (const DType bias_dtype : {DType::kF64, DType::kF32, DType::kBF16}) {  // f64: none
        SCOPED_TRACE(testing::Message() << m << " rows, y " << Name(y_dtype) << ", bias " << Name(bias_dtype));
        const Activation activation = kActivations[turn++ % 4];
        const Tensor bias =
            bias_dtype == DType::kF64 ? Tensor() : RandomMatrix(1, outputs, seed + 2, bias_dtype).Reshape({outputs});
        const WeightAndBias weight{w_gpu, ToGpu(bias), activation};
        const Tensor y = Products(x_gpu.Slice(0, 0, m), std::span(&weight, 1), y_dtype).at(0);
        ASSERT_EQ(y.shape(), (Shape{m, outputs}));
        ASSERT_EQ(y.dtype(), y_dtype);
        EXPECT_LE(RelativeError(y, Finished(sums, bias, activation)), Tolerance(m, x_dtype, weight_dtype, y_dtype));
      }
    }
  }
}

TEST_F(CudaProducts, AreTheDefinitions) {
  for (const DType weight : kWeightDTypes) {
    for (const DType x : kFloats) {
      for (const int64_t cols : {32, 64, 96, 160, 1312}) ExpectProducts(weight, x, 100, cols, 37);
      if (!IsQuantized(weight))
        for (const int64_t cols : {1, 5, 8, 12, 40, 201}) ExpectProducts(weight, x, 17, cols, 19);
      ExpectProducts(weight, x, 9, 3584, 301);
      ExpectProducts(weight, x, 9, 64, 5);
    }
  }
}

TEST_F(CudaProducts, OfALongRowAreTheDefinitions) {
  ExpectProducts(DType::kBF16, DType::kBF16, 9, 18944, 96);
  ExpectProducts(DType::kQ4_0, DType::kBF16, 9, 18944, 96);
  ExpectProducts(DType::kQ8_0, DType::kF32, 9, 18944, 96);
}

TEST_F(CudaProducts, OfManyOutputsAreTheDefinitions) {  // more blocks than run at a time, and a weight in parts
  ExpectProducts(DType::kBF16, DType::kBF16, 9, 128, 20001);
  ExpectProducts(DType::kQ8_0, DType::kBF16, 9, 128, 20001);
  ExpectProducts(DType::kQ4_1, DType::kBF16, 9, 128, 20001);
  ExpectProducts(DType::kQ4_0, DType::kF32, 9, 3584, 5000);
}

TEST_F(CudaProducts, GateAndUpAreTheDefinition) {
  for (const DType weight : kWeightDTypes) {
    for (const DType x_dtype : kFloats) {
      for (const int64_t cols : {32, 96, 3584}) {
        SCOPED_TRACE(testing::Message() << Name(weight) << " " << cols << " x " << Name(x_dtype));
        const Tensor x = RandomMatrix(20, cols, 1, x_dtype), gate = RandomWeight(69, cols, 2, weight),
                     up = RandomWeight(69, cols, 3, weight);
        const Tensor g = reference::Product(x, gate), u = reference::Product(x, up), x_gpu = ToGpu(x);
        const Tensor gate_gpu = WeightToGpu(gate), up_gpu = WeightToGpu(up);
        std::vector<double> expected;
        for (int64_t i = 0; i < g.numel(); ++i) {
          const auto at = static_cast<size_t>(i);
          expected.push_back(Silu(g.data<double>()[at]) * u.data<double>()[at]);
        }
        for (const int64_t m : {1, 2, 3, 5, 8, 9, 20}) {
          const Tensor y = ProductSiluMul(x_gpu.Slice(0, 0, m), gate_gpu, up_gpu);
          ASSERT_EQ(y.dtype(), x_dtype);
          EXPECT_LE(RelativeError(y, expected), x_dtype == DType::kF32 ? 5e-5 : 1e-2) << m << " rows";
        }
      }
    }
  }
}

TEST_F(CudaProducts, GateAndUpOfTwoDTypesAreMultiplied) {
  const Tensor x = RandomMatrix(3, 64, 1, DType::kBF16), gate = RandomWeight(20, 64, 2, DType::kQ8_0),
               up = RandomWeight(20, 64, 3, DType::kBF16);
  const Tensor g = reference::Product(x, gate), u = reference::Product(x, up);
  std::vector<double> expected;
  for (size_t i = 0; i < 60; ++i) expected.push_back(Silu(g.data<double>()[i]) * u.data<double>()[i]);
  EXPECT_LE(RelativeError(ProductSiluMul(ToGpu(x), WeightToGpu(gate), WeightToGpu(up)), expected), 1e-2);
}

std::vector<std::byte> BytesOf(const Tensor& y) {
  const Tensor host = ToCpu(y);
  return {host.raw(), host.raw() + host.bytes()};
}

TEST_F(CudaProducts, ARowHasTheSameBitsInAnyCompany) {
  for (const DType weight : kWeightDTypes) {
    for (const DType x_dtype : kFloats) {
      for (const int64_t cols : {13, 96, 3584}) {
        if (IsQuantized(weight) && cols % 32 != 0) continue;
        SCOPED_TRACE(testing::Message() << Name(weight) << " " << cols << " x " << Name(x_dtype));
        const Tensor x = ToGpu(RandomMatrix(kFewRows, cols, 1, x_dtype));
        const Tensor w = WeightToGpu(RandomWeight(77, cols, 2, weight));
        const Tensor up = WeightToGpu(RandomWeight(77, cols, 3, weight));
        const WeightAndBias part{w, {}};
        const auto multiply = [&](int64_t begin, int64_t end) {
          return BytesOf(Products(x.Slice(0, begin, end), std::span(&part, 1), DType::kF32).at(0));
        };
        const auto gated = [&](int64_t begin, int64_t end) {
          return BytesOf(ProductSiluMul(x.Slice(0, begin, end), w, up).Reshape({(end - begin) * 77}));
        };
        const std::vector<std::byte> all = multiply(0, kFewRows), all_gated = gated(0, kFewRows);
        for (int64_t begin = 0; begin < kFewRows; ++begin) {
          for (int64_t end = begin + 1; end <= kFewRows; ++end) {
            const std::vector<std::byte> some = multiply(begin, end), some_gated = gated(begin, end);
            const size_t row = some.size() / static_cast<size_t>(end - begin);
            const size_t gated_row = some_gated.size() / static_cast<size_t>(end - begin);
            EXPECT_EQ(std::memcmp(some.data(), all.data() + static_cast<size_t>(begin) * row, some.size()), 0)
                << "rows " << begin << " to " << end;
            EXPECT_EQ(std::memcmp(some_gated.data(), all_gated.data() + static_cast<size_t>(begin) * gated_row,
                                  some_gated.size()),
                      0)
                << "gated rows " << begin << " to " << end;
          }
        }
      }
    }
  }
}

TEST_F(CudaProducts, OfSeveralWeightsAreThoseOfEach) {
  const Tensor x = ToGpu(RandomMatrix(3, 96, 1, DType::kBF16));
  std::vector<WeightAndBias> weights;
  int64_t outputs = 1;
  for (const DType dtype : {DType::kBF16, DType::kBF16, DType::kBF16, DType::kBF16, DType::kBF16, DType::kQ8_0,
                            DType::kQ8_0, DType::kF32, DType::kQ4_1}) {
    outputs = outputs * 2 + 1;
    weights.push_back({WeightToGpu(RandomWeight(outputs, 96, 2, dtype)),
                       ToGpu(RandomMatrix(1, outputs, 3).Reshape({outputs})), Activation::kGelu});
  }
  const std::vector<Tensor> together = Products(x, weights, DType::kBF16);
  for (size_t i = 0; i < weights.size(); ++i)
    EXPECT_EQ(BytesOf(together[i]), BytesOf(Products(x, std::span(&weights[i], 1), DType::kBF16).at(0))) << i;
}

TEST_F(CudaProducts, WhatIsNotFiniteInARowStaysInIt) {
  for (const DType weight : kWeightDTypes) {
    for (const DType x_dtype : kFloats) {
      for (const int64_t rows : {8, 12}) {
        SCOPED_TRACE(testing::Message() << Name(weight) << " x " << Name(x_dtype) << " rows " << rows);
        const Tensor w = WeightToGpu(RandomWeight(21, 160, 2, weight));
        Tensor x = RandomMatrix(rows, 160, 1);
        const WeightAndBias part{w, {}};
        const Tensor clean = ToCpu(Products(ToGpu(x.To(x_dtype)), std::span(&part, 1), DType::kF32).at(0));
        x.mutable_data<float>()[1 * 160 + 3] = std::numeric_limits<float>::quiet_NaN();
        x.mutable_data<float>()[5 * 160 + 159] = std::numeric_limits<float>::infinity();
        const Tensor y = ToCpu(Products(ToGpu(x.To(x_dtype)), std::span(&part, 1), DType::kF32).at(0));
        for (size_t i = 0; i < y.data<float>().size(); ++i) {
          const size_t row = i / 21;
          if (row == 1)
            EXPECT_TRUE(std::isnan(y.data<float>()[i])) << i;
          else if (row == 5)
            EXPECT_FALSE(std::isfinite(y.data<float>()[i])) << i;
          else
            EXPECT_EQ(y.data<float>()[i], clean.data<float>()[i]) << i;
        }
      }
    }
  }
}

TEST_F(CudaProducts, InARecordedGraphAreTheSame) {
  const Tensor x = ToGpu(RandomMatrix(9, 96, 1, DType::kBF16)), few = x.Slice(0, 0, 2);
  const Tensor w = WeightToGpu(RandomWeight(50, 96, 2, DType::kQ8_0));
  const Tensor down = WeightToGpu(RandomWeight(96, 50, 3, DType::kBF16));
  const auto work = [&](const Tensor& a) {
    const WeightAndBias last{down, {}};
    return Products(ProductSiluMul(a, w, w), std::span(&last, 1), DType::kBF16).at(0);
  };
  const std::vector<std::byte> expected = BytesOf(work(few)), expected_many = BytesOf(work(x));
  const gpu::Pool pool;
  Tensor y, y_many;
  const auto record = [&] {
    const gpu::Pool::Use use(pool);
    y = work(few);
    y_many = work(x);
  };
  const gpu::Graph graph = gpu::Recorded(record);
  for (int turn = 0; turn < 3; ++turn) {
    gpu::FillZeros(y.mutable_gpu_data<std::byte>(), y.bytes());
    gpu::FillZeros(y_many.mutable_gpu_data<std::byte>(), y_many.bytes());
    graph.Launch();
    EXPECT_EQ(BytesOf(y), expected);
    EXPECT_EQ(BytesOf(y_many), expected_many);
  }
}

TEST_F(CudaProducts, RowsOfAWeightAreItsValues) {
  for (const DType dtype : kWeightDTypes) {
    for (const int64_t cols : {7, 40, 96, 512}) {
      if (IsQuantized(dtype) && cols % 32 != 0) continue;
      SCOPED_TRACE(testing::Message() << Name(dtype) << " " << cols);
      const Tensor w = RandomWeight(50, cols, 4, dtype);
      const std::vector<int64_t> ids = {49, 0, 7, 7, -1, 31, 50};
      Tensor expected = Tensor::Full({7, cols}, NAN);
      for (size_t t = 0; t < ids.size(); ++t)
        if (ids[t] >= 0 && ids[t] < 50)
          ReadWeightRow(
              w, ids[t],
              expected.mutable_data<float>().subspan(t * static_cast<size_t>(cols), static_cast<size_t>(cols)));
      for (const DType y_dtype : kFloats) {
        const Tensor y = ToCpu(WeightRows(WeightToGpu(w), ToGpu(Tensor::From<int64_t>(ids, {7})), y_dtype));
        ASSERT_EQ(y.dtype(), y_dtype);
        const Tensor got = y.To(DType::kF32), rounded = expected.To(y_dtype).To(DType::kF32);
        for (size_t i = 0; i < got.data<float>().size(); ++i) {
          const float a = got.data<float>()[i], b = rounded.data<float>()[i];
          ASSERT_TRUE(a == b || (std::isnan(a) && std::isnan(b))) << i << ": " << a << " is not " << b;
        }
      }
    }
  }
}

TEST_F(CudaProducts, OfOtherWeightsAreInBF16) {
  for (const DType dtype : {DType::kF16, DType::kQ4_K, DType::kQ6_K}) {
    const Tensor w = RandomWeight(20, 256, 4, dtype), packed = PackWeight(w), on_gpu = WeightToGpu(packed);
    EXPECT_EQ(on_gpu.dtype(), DType::kBF16);
    const Tensor x = RandomMatrix(2, 256, 5);
    const WeightAndBias part{on_gpu, {}};
    EXPECT_LE(RelativeError(Products(ToGpu(x), std::span(&part, 1), DType::kF32).at(0),
                            Finished(reference::Product(x, w), {}, Activation::kNone)),
              5e-3);
  }
}

TEST_F(CudaProducts, RefuseShapesThatDisagree) {
  const Tensor x = ToGpu(RandomMatrix(2, 64, 1));
  const WeightAndBias longer{WeightToGpu(RandomWeight(4, 96, 2, DType::kQ8_0)), {}};
  const WeightAndBias bias{WeightToGpu(RandomMatrix(4, 64, 2)), ToGpu(RandomMatrix(1, 5, 3).Reshape({5}))};
  EXPECT_THROW(Products(x, std::span(&longer, 1), DType::kF32), Error);
  EXPECT_THROW(Products(x, std::span(&bias, 1), DType::kF32), Error);
  EXPECT_THROW(Products(x, std::span(&bias, 1), DType::kF16), Error);
}

}  // namespace
}  // namespace tessera::kernels::cuda
