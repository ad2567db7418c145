#include "tessera/kernels/matmul.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/for_each_isa.h"
#include "kernels/product_data.h"
#include "tessera/core/thread_pool.h"
#include "tessera/kernels/activation.h"
#include "tessera/kernels/cpu/product_kernels.h"
#include "tessera/kernels/packed_weight.h"
#include "tessera/kernels/panel_layout.h"
#include "tessera/kernels/panel_records.h"

namespace tessera::kernels {
namespace {

constexpr double kUnit = 0x1p-24;  // half a unit in the last place of 1.0f

Tensor Magnitudes(const Tensor& x) {
  Tensor magnitudes = x.To(DType::kF32).Clone();
  for (float& value : magnitudes.mutable_data<float>()) value = std::abs(value);
  return magnitudes;
}

Tensor WeightAsFloat(const Tensor& w) {
  Tensor values = Tensor::Empty(w.shape());
  ReadWeightRows(w, 0, w.dim(0), values.mutable_data<float>());
  return values;
}

// The textbook's product, and |a| |b|ᵀ, of which rounding errors are fractions.
struct Expected {
  Tensor exact, size;
  Expected(const Tensor& a, const Tensor& b)
      : exact(reference::Product(a, b)), size(reference::Product(Magnitudes(a), Magnitudes(WeightAsFloat(b)))) {}
};

// |y - a bᵀ| <= roundings · u · |a| |b|ᵀ: the bound of a sum with that many roundings on the way of each term.
void ExpectNear(const Tensor& y, const Expected& expected, double roundings) {
  ASSERT_EQ(y.shape(), expected.exact.shape());
  ASSERT_EQ(y.dtype(), DType::kF32);
  for (size_t i = 0; i < y.data<float>().size(); ++i) {
    const double bound = roundings * kUnit * expected.size.data<double>()[i] + 1e-37;
    ASSERT_NEAR(y.data<float>()[i], expected.exact.data<double>()[i], bound) << "output " << i;
  }
}

// x as integer products see it: in blocks of 32, as integers of at most 127 times the least quarter power of two that
// does.
Tensor Rounded(const Tensor& x) {
  Tensor rounded = x.To(DType::kF32).Clone();
  const auto values = rounded.mutable_data<float>();
  for (size_t begin = 0; begin < values.size(); begin += 32) {
    float largest = 0;
    for (size_t i = begin; i < begin + 32; ++i) largest = std::max(largest, std::abs(values[i]));
    if (largest == 0) continue;
    int quarters = 4 * (std::ilogb(largest) - 7);
    const auto scale = [&] {
      const auto part = static_cast<size_t>(((quarters % 4) + 4) % 4);
      return std::ldexp(static_cast<double>(kQuarterPowers[part]), (quarters - static_cast<int>(part)) / 4);
    };
    while (std::nearbyint(largest / scale()) > 127) ++quarters;
    for (size_t i = begin; i < begin + 32; ++i)
      values[i] = static_cast<float>(std::nearbyint(values[i] / scale()) * scale());
  }
  return rounded;
}

// The textbook's product with x rounded (Rounded), and with what products of formats with minimums round besides where
// pairs of bf16 are multiplied: of each part of a block m + d z and the sum of its x.
Expected WithRoundedMinimums(const Tensor& x, const Tensor& weight) {
  const Tensor rounded = Rounded(x), packed = PackWeight(weight);
  Expected expected(rounded, weight);
  const DType dtype = weight.dtype();
  const PanelFormat format = PanelFormatOf(dtype);
  if (!format.minimum || LiveIsa() != Isa::kAvx512Bf16) return expected;
  const int64_t inputs = x.dim(1), outputs = weight.dim(0);
  const auto values = rounded.data<float>(), original = x.data<float>();
  const auto in_bf16 = [](float v) { return static_cast<double>(static_cast<float>(BFloat16(v))); };
  for (int64_t n = 0; n < outputs; ++n) {
    const auto* panel = reinterpret_cast<const uint8_t*>(packed.raw()) + n / kPanelRows * PanelBytes(dtype, inputs);
    for (int64_t block = 0; block < inputs / 32; ++block) {
      const RowRecord record = GetRecord(dtype, panel, block, static_cast<int>(n % kPanelRows));
      for (int part = 0; part < format.parts; ++part) {
        float d = Float16::ToFloat(record.d), m = Float16::ToFloat(record.m);
        const uint8_t both = record.scales[part];
        if (format.super) {
          d *= static_cast<float>(format.shared ? both & 15 : both);
          m *= -static_cast<float>(format.shared ? both >> 4 : record.minimum);
        }
        const float centred = m + static_cast<float>(format.centre()) * d;
        for (int64_t row = 0; row < x.dim(0); ++row) {
          const auto at = static_cast<size_t>(row * inputs + block * 32);
          float largest = 0;
          for (size_t i = at; i < at + 32; ++i) largest = std::max(largest, std::abs(original[i]));
          const float scale = ScaleOfBlock(largest).scale;
          int sum = 0;
          const size_t count = 32 / static_cast<size_t>(format.parts), first = at + count * static_cast<size_t>(part);
          for (size_t i = first; i < first + count; ++i) sum += static_cast<int>(std::lround(values[i] / scale));
          const float scaled = scale * static_cast<float>(sum);
          expected.exact.mutable_data<double>()[static_cast<size_t>(row * outputs + n)] +=
              in_bf16(centred) * in_bf16(scaled) - static_cast<double>(centred) * scaled;
        }
      }
    }
  }
  return expected;
}

// Whether Product rounds an f32 x to bf16 for a bf16 weight.
bool MultipliesPairs(Isa isa) { return isa == Isa::kAvx512Bf16; }

TEST(Product, OfFloatsIsTheTextbooks) {
  for (const DType a_dtype : FloatDTypes()) {
    for (const DType b_dtype : FloatDTypes()) {
      SCOPED_TRACE(std::string(Name(a_dtype)) + " times " + std::string(Name(b_dtype)));
      for (const int64_t outputs : {1, 15, 16, 17}) {
        for (const int64_t inputs : {1, 2, 31, 401}) {
          const Tensor a = RandomMatrix(29, inputs, 1, a_dtype), b = RandomMatrix(outputs, inputs, 2, b_dtype);
          const Tensor packed = PackWeight(b);
          const Expected expected(a, b), first(a.Slice(0, 0, 1), b);
          const ProductPrecision exact = ProductPrecision::kExact;
          ForEachIsa([&](Isa) {
            ExpectNear(Product(a, packed, exact), expected, static_cast<double>(inputs) + 1);
            ExpectNear(Product(a.Slice(0, 0, 1), packed, exact), first, static_cast<double>(inputs) + 1);
          });
        }
      }
    }
  }
}

TEST(Product, OfAnyFloatsWithBf16WeightsRoundsThemToBf16WherePairsAreMultiplied) {
  for (const DType dtype : FloatDTypes()) {
    const Tensor a = RandomMatrix(29, 401, 1, dtype), b = RandomMatrix(17, 401, 2, DType::kBF16);
    const Tensor strided = RandomMatrix(401, 29, 1, dtype).Transpose(0, 1);
    for (const Tensor& x : {a, strided}) {
      const Expected as_it_is(x.Contiguous(), b), rounded(x.To(DType::kBF16).Contiguous(), b);
      ForEachIsa([&](Isa isa) {
        const bool rounds = dtype == DType::kF32 && MultipliesPairs(isa);
        ExpectNear(Product(x, PackWeight(b)), rounds ? rounded : as_it_is, 402);
      });
    }
  }
}

TEST(Product, OfOneOperandWithSeveralWeightsIsThatOfEach) {
  ForEachIsa([](Isa) {
    const Tensor a = RandomMatrix(23, 512, 1);
    std::vector<Tensor> weights = {RandomWeight(20, 512, 2, DType::kF32), Tensor::Zeros({0, 512})};
    for (const DType dtype : BlockDTypes()) {
      weights.push_back(RandomWeight(33, 512, 3, dtype));
      weights.push_back(PackWeight(RandomWeight(70, 512, 4, dtype)));
    }
    weights.push_back(RandomWeight(5, 512, 5, DType::kBF16));
    for (const int64_t rows : {1, 9, 23}) {
      const Tensor x = a.Slice(0, 0, rows);
      const std::vector<Tensor> each = Products(x, weights);
      ASSERT_EQ(each.size(), weights.size());
      for (size_t i = 0; i < weights.size(); ++i) {
        const Tensor alone = Product(x, weights[i]);
        ASSERT_EQ(each[i].shape(), alone.shape());
        EXPECT_EQ(std::memcmp(each[i].raw(), alone.raw(), static_cast<size_t>(alone.bytes())), 0) << "weight " << i;
      }
    }
  });
}

// A bias and a rounding behind Product, as plainly as can be.
Tensor Finished(const Tensor& sums, const Tensor& bias, DType dtype) {
  Tensor y = sums.Clone();
  const auto values = y.mutable_data<float>();
  if (bias) {
    const Tensor terms = bias.To(DType::kF32);
    for (size_t i = 0; i < values.size(); ++i) values[i] += terms.data<float>()[i % terms.data<float>().size()];
  }
  return y.To(dtype);
}

TEST(Product, WithABiasInAnyDtypeIsASumAndARoundingMore) {
  ForEachIsa([](Isa) {
    for (const int64_t inputs : {256, 2304, 9216}) {  // one chunk of K, several, more than are ever taken as one
      const Tensor a = RandomMatrix(29, inputs, 1);
      for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16, DType::kQ4_0, DType::kQ6_K}) {
        SCOPED_TRACE(testing::Message() << Name(dtype) << ", " << inputs << " inputs");
        const Tensor wide = RandomWeight(51, inputs, 2, dtype), narrow = RandomWeight(3, inputs, 3, dtype);
        const Tensor bias = RandomMatrix(1, 51, 4).Reshape({51});
        const std::vector<WeightAndBias> parts = {
            {wide, bias}, {PackWeight(wide), bias.To(DType::kBF16)}, {PackWeight(narrow)}, {wide.Slice(0, 0, 0)}};
        for (const DType result : {DType::kF32, DType::kBF16, DType::kF16}) {
          for (const int64_t rows : {0, 1, 13, 29}) {
            const Tensor x = a.Slice(0, 0, rows);
            const std::vector<Tensor> y = Products(x, parts, result, ProductPrecision::kFast);
            for (size_t i = 0; i < parts.size(); ++i) {
              const Tensor expected = Finished(Product(x, parts[i].weight), parts[i].bias, result);
              ASSERT_EQ(y[i].shape(), expected.shape());
              ASSERT_EQ(y[i].dtype(), result);
              if (y[i].bytes() == 0) continue;
              ASSERT_EQ(std::memcmp(y[i].raw(), expected.raw(), static_cast<size_t>(y[i].bytes())), 0) << "part " << i;
            }
          }
        }
      }
    }
  });
}

TEST(Product, WithAnActivationIsTheActivationOfTheRoundedProductBitForBit) {
  ForEachIsa([](Isa) {
    for (const int64_t inputs : {256, 9216}) {  // finished in L1, and after sums that pass through memory
      Tensor a = RandomMatrix(29, inputs, 1);
      a.mutable_data<float>()[3] = std::numeric_limits<float>::quiet_NaN();
      a.mutable_data<float>()[inputs + 5] = std::numeric_limits<float>::infinity();
      for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16, DType::kQ8_0}) {
        const Tensor weight = PackWeight(RandomWeight(51, inputs, 2, dtype));
        for (const Tensor& bias : {Tensor(), RandomMatrix(1, 51, 4).Reshape({51})}) {
          for (const Activation activation : {Activation::kGelu, Activation::kGeluTanh, Activation::kQuickGelu}) {
            for (const DType result : {DType::kF32, DType::kBF16, DType::kF16}) {
              for (const int64_t rows : {0, 1, 29}) {
                const Tensor x = a.Slice(0, 0, rows);
                const auto product = [&](Activation f) {
                  const WeightAndBias part{.weight = weight, .bias = bias, .activation = f};
                  return Products(x, {&part, 1}, result, ProductPrecision::kFast)[0];
                };
                const Tensor y = product(activation), expected = Activate(product(Activation::kNone), activation);
                ASSERT_EQ(y.shape(), expected.shape());
                ASSERT_EQ(y.dtype(), result);
                if (rows == 0) continue;
                ASSERT_EQ(std::memcmp(y.raw(), expected.raw(), static_cast<size_t>(y.bytes())), 0)
                    << Name(dtype) << " to " << Name(result) << ", " << inputs << " inputs, " << rows << " rows";
              }
            }
          }
        }
      }
    }
  });
}

TEST(Product, OfDoublesWithAnActivationIsThatInDouble) {
  const Tensor x = Tensor::Full({1, 1}, 0.5, DType::kF64);
  const WeightAndBias part{.weight = Tensor::Full({1, 1}, 1, DType::kF64), .activation = Activation::kQuickGelu};
  const Tensor y = Products(x, {&part, 1}, DType::kF64, ProductPrecision::kFast)[0];
  EXPECT_NEAR(y.data<double>()[0], 0.5 / (1 + std::exp(-0.851)), 1e-15);
}

TEST(Product, WithABiasOfAnotherLengthIsRefused) {
  const WeightAndBias part{.weight = Tensor::Zeros({4, 8}), .bias = Tensor::Zeros({3})};
  EXPECT_THROW(Products(Tensor::Zeros({2, 8}), {&part, 1}, DType::kF32, ProductPrecision::kFast), Error);
}

TEST(Product, OfDoublesWithABiasStaysInDoubleUntilTheEnd) {
  const Tensor x = Tensor::Full({1, 1}, 1, DType::kF64), bias = Tensor::Full({1}, 1e-12, DType::kF64);
  const WeightAndBias part{.weight = Tensor::Full({1, 1}, 1, DType::kF64), .bias = bias};
  const auto as = [&](DType dtype) { return Products(x, {&part, 1}, dtype, ProductPrecision::kFast)[0]; };
  EXPECT_EQ(as(DType::kF64).data<double>()[0], 1 + 1e-12);
  EXPECT_EQ(as(DType::kF32).data<float>()[0], 1.0f);
}

TEST(ProductSiluMul, IsTheTwoProductsAndSiluMulBitForBit) {
  ForEachIsa([](Isa) {
    std::vector<std::pair<DType, DType>> cases = {{DType::kQ4_K, DType::kQ6_K}};  // of two kinds
    for (const DType dtype : FloatDTypes()) cases.emplace_back(dtype, dtype);
    for (const DType dtype : BlockDTypes()) cases.emplace_back(dtype, dtype);
    for (const auto& [gate_dtype, up_dtype] : cases) {
      SCOPED_TRACE(Name(gate_dtype));
      for (const int64_t outputs : {1, 35, 320}) {
        const Tensor a = RandomMatrix(29, 512, 1);
        const Tensor gate = RandomWeight(outputs, 512, 2, gate_dtype), up = RandomWeight(outputs, 512, 3, up_dtype);
        for (const int64_t rows : {1, 12, 29}) {
          const Tensor x = a.Slice(0, 0, rows);
          const std::vector<Tensor> both = Products(x, std::vector{gate, up});
          const Tensor expected = SiluMul(both[0], both[1]);
          for (const bool packed : {false, true}) {
            const Tensor y = packed ? ProductSiluMul(x, PackWeight(gate), PackWeight(up)) : ProductSiluMul(x, gate, up);
            ASSERT_EQ(y.shape(), expected.shape());
            ASSERT_EQ(std::memcmp(y.raw(), expected.raw(), static_cast<size_t>(y.bytes())), 0);
          }
        }
      }
    }
  });
}

TEST(ProductSiluMul, OfMoreInputsThanATileHoldsIsTheSame) {
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kQ4_1}) {
    const Tensor a = RandomMatrix(13, 5120, 1), gate = RandomWeight(17, 5120, 2, dtype),
                 up = RandomWeight(17, 5120, 3, dtype);
    const std::vector<Tensor> both = Products(a, std::vector{gate, up});
    const Tensor expected = SiluMul(both[0], both[1]), y = ProductSiluMul(a, PackWeight(gate), PackWeight(up));
    EXPECT_EQ(std::memcmp(y.raw(), expected.raw(), static_cast<size_t>(y.bytes())), 0);
  }
}

TEST(Product, OfBlockFormatsIsTheTextbooksWithRoundedActivations) {
  for (const DType dtype : BlockDTypes()) {
    SCOPED_TRACE(Name(dtype));
    const int64_t inputs = Info(dtype).block_size == 32 ? 1120 : 1536;  // more than one piece of K
    for (const int64_t outputs : {1, 15, 17}) {
      const Tensor a = RandomMatrix(17, inputs, 1), b = RandomWeight(outputs, inputs, 2, dtype);
      const Tensor packed = PackWeight(b);
      const bool integers = HasIntegerPanels(dtype);
      // A block's sum is exact; scaling it and adding it to the others rounds about six times, twice for a format
      // with two scales. Codes with a minimum cancel: their terms are up to 16 times the values.
      const double roundings = integers ? 16 * (static_cast<double>(inputs) / 16 + 6) : static_cast<double>(inputs);
      ForEachIsa([&](Isa) {
        ExpectNear(Product(a, packed), integers ? WithRoundedMinimums(a, b) : Expected(a, b), roundings);
      });
    }
  }
}

TEST(Product, EveryInstructionSetRoundsActivationsAlike) {
  constexpr int64_t kBlocks = 19;
  Tensor x = RandomMatrix(1, kBlocks * kBlockValues, 7);
  const auto values = x.mutable_data<float>();
  for (size_t b = 0; b < kBlocks; ++b) {  // steps between all quarter powers, zeros, tiny, huge and none at all
    for (size_t i = 0; i < 32; ++i) values[32 * b + i] *= std::exp2(static_cast<float>(b) * 0.13f);
  }
  std::fill_n(values.begin() + 32, 32, 0.0f);
  std::fill_n(values.begin() + 64, 32, 1e-31f);
  std::fill_n(values.begin() + 96, 32, 3e38f);
  values[4 * 32 + 5] = std::numeric_limits<float>::infinity();
  values[5 * 32 + 31] = std::numeric_limits<float>::quiet_NaN();
  values[6 * 32] = -127.6f;  // as many steps of a power of two as do not fit
  for (const DType dtype : {DType::kQ4_0, DType::kQ4_1, DType::kQ6_K, DType::kQ2_K}) {
    const PanelFormat format = PanelFormatOf(dtype);
    std::vector<uint8_t> expected;
    ForEachIsa([&](Isa isa) {
      SCOPED_TRACE(::testing::Message() << Name(dtype) << ", instruction set " << static_cast<int>(isa));
      const int64_t block_bytes = 3 * XBlockBytes(format);
      std::vector<uint8_t> row(static_cast<size_t>(kBlocks * block_bytes));
      LiveIntegerKernels().quantize_row(values.data(), kBlocks, {0, kBlocks}, format, 1, 3, row.data());
      if (expected.empty()) expected = row;
      // Sums are kept in another form where minimums are multiplied as pairs; codes, scales and exponents are not.
      const auto same = static_cast<size_t>(format.minimum ? 3 * kXSumsOffset : block_bytes);
      for (int64_t b = 0; b < kBlocks; ++b) {
        const auto at = static_cast<size_t>(b * block_bytes);
        EXPECT_EQ(std::memcmp(row.data() + at, expected.data() + at, same), 0) << "block " << b;
      }
      // Blocks of one place, one row each, give what the rows alone give.
      for (const int rows : {1, 5, 12}) {
        for (const int64_t all : {1, 2, 3}) {
          const int64_t group_bytes = rows * XBlockBytes(format);
          std::vector<uint8_t> groups(static_cast<size_t>(all * group_bytes)), alone(groups);
          std::vector<float> of_rows(static_cast<size_t>(rows * all * 32));
          for (int64_t b = 0; b < all; ++b) {
            const float* place = values.data() + 32 * (2 * b);
            LiveIntegerKernels().quantize_group(place, {b, all}, format, rows, groups.data() + b * group_bytes);
            for (int64_t r = 0; r < rows; ++r) std::copy_n(place + 32 * r, 32, of_rows.data() + (r * all + b) * 32);
          }
          for (int r = 0; r < rows; ++r)
            LiveIntegerKernels().quantize_row(of_rows.data() + r * all * 32, all, {0, all}, format, r, rows,
                                              alone.data());
          EXPECT_EQ(groups, alone) << rows << " rows of " << all << " blocks";
        }
      }
    });
  }
}

TEST(Product, ExactKeepsTheActivations) {
  ForEachIsa([](Isa) {
    for (const DType dtype : BlockDTypes()) {
      SCOPED_TRACE(Name(dtype));
      const Tensor a = RandomMatrix(5, 512, 1), b = RandomWeight(20, 512, 2, dtype);
      const Expected expected(a, b);
      ExpectNear(Product(a, PackWeight(b), ProductPrecision::kExact), expected, 513);
      ExpectNear(Product(a, b, ProductPrecision::kExact), expected, 513);
    }
  });
}

// The bits of a row: alone, among others, packed or not, on any number of threads.
TEST(Product, ARowHasTheSameBitsInAnyCompany) {
  ForEachIsa([](Isa isa) {
    std::vector<std::pair<DType, DType>> cases;
    for (const DType dtype : FloatDTypes()) cases.emplace_back(dtype, dtype);
    cases.emplace_back(DType::kF32, DType::kBF16);
    for (const DType dtype : BlockDTypes()) cases.emplace_back(DType::kF32, dtype);
    const int64_t outputs = isa == Isa::kPortable ? 35 : 115, inputs = isa == Isa::kPortable ? 256 : 1280;
    for (const auto& [a_dtype, b_dtype] : cases) {
      SCOPED_TRACE(Name(b_dtype));
      const Tensor a = RandomMatrix(70, inputs, 1, a_dtype), b = RandomWeight(outputs, inputs, 2, b_dtype);
      const Tensor packed = PackWeight(b);
      SetThreadCount(1);
      const Tensor alone = Product(a.Slice(0, 69, 70), packed);
      for (const int threads : {1, 2, 4}) {
        SetThreadCount(threads);
        for (const int64_t rows : {1, 2, 3, 4, 5, 8, 12, 13, 31, 70}) {
          for (const Tensor& weight : {packed, b}) {
            if (!weight.packed() && (rows != 1 && rows != 12 && rows != 13)) continue;
            const Tensor y = Product(a.Slice(0, 70 - rows, 70), weight);
            const float* last = y.data<float>().data() + (rows - 1) * outputs;
            ASSERT_EQ(std::memcmp(last, alone.raw(), 4 * static_cast<size_t>(outputs)), 0)
                << rows << " rows, " << threads << " threads, " << (weight.packed() ? "packed" : "plain");
          }
        }
      }
      SetThreadCount(2);
    }
  });
}

TEST(Product, OfTransposedViewsIsTheTextbooks) {
  ForEachIsa([](Isa) {
    for (const DType dtype : FloatDTypes()) {
      SCOPED_TRACE(Name(dtype));
      const Tensor a = RandomMatrix(37, 19, 1, dtype), b = RandomMatrix(37, 45, 2, dtype);
      const Tensor y = Product(a.Transpose(0, 1), b.Transpose(0, 1));
      const Tensor a_copy = a.Transpose(0, 1).Contiguous(), b_copy = b.Transpose(0, 1).Contiguous();
      ExpectNear(y, Expected(a_copy, b_copy), 38);
      EXPECT_EQ(std::memcmp(y.raw(), Product(a_copy, b_copy).raw(), static_cast<size_t>(y.bytes())), 0);
    }
  });
}

TEST(Product, WithoutRowsOrInputsIsEmptyOrZero) {
  EXPECT_EQ(Product(Tensor::Zeros({0, 8}), Tensor::Zeros({3, 8})).shape(), (Shape{0, 3}));
  EXPECT_EQ(Product(Tensor::Zeros({2, 8}), Tensor::Zeros({0, 8})).shape(), (Shape{2, 0}));
  const Tensor y = Product(Tensor::Zeros({2, 0}), Tensor::Zeros({3, 0}));
  for (const float value : y.data<float>()) EXPECT_EQ(value, 0);
}

TEST(Product, ExtremeValuesStayInTheirRow) {
  ForEachIsa([](Isa) {
    for (const DType dtype : {DType::kF32, DType::kBF16, DType::kQ4_1, DType::kQ8_0, DType::kQ6_K}) {
      SCOPED_TRACE(Name(dtype));
      Tensor a = RandomMatrix(5, 256, 1);
      const auto values = a.mutable_data<float>();
      values[0] = std::numeric_limits<float>::infinity();
      values[256 + 40] = std::numeric_limits<float>::quiet_NaN();
      for (size_t k = 0; k < 256; ++k) values[512 + k] = k % 2 ? 1e-38f : -1e-39f;
      for (size_t k = 0; k < 256; ++k) values[768 + k] = 0;
      const Tensor y = Product(a, RandomWeight(20, 256, 2, dtype));
      for (size_t n = 0; n < 20; ++n) {
        EXPECT_FALSE(std::isfinite(y.data<float>()[n]));
        EXPECT_TRUE(std::isnan(y.data<float>()[20 + n]));
        EXPECT_LT(std::abs(y.data<float>()[40 + n]), 1e-30f);
        EXPECT_EQ(y.data<float>()[60 + n], 0);
        EXPECT_TRUE(std::isfinite(y.data<float>()[80 + n]));
      }
    }
  });
}

TEST(Product, ExtremeCodesDoNotOverflow) {
  ForEachIsa([](Isa) {
    for (const DType dtype : {DType::kQ4_0, DType::kQ5_1, DType::kQ8_0, DType::kQ6_K, DType::kIQ4_NL}) {
      for (const int byte : {0x00, 0x7f, 0x80, 0xff}) {
        SCOPED_TRACE(std::string(Name(dtype)) + " " + std::to_string(byte));
        Tensor w = RandomWeight(16, 256, 2, dtype);
        const Tensor scales = w.Clone();
        std::memset(w.mutable_raw(), byte, static_cast<size_t>(w.bytes()));
        const int64_t size = Info(dtype).block_bytes, at = dtype == DType::kQ6_K ? size - 2 : 0;
        for (int64_t i = 0; i < w.bytes(); i += size) std::memcpy(w.mutable_raw() + i + at, scales.raw() + i + at, 2);
        if (dtype == DType::kQ5_1) {
          for (int64_t i = 0; i < w.bytes(); i += size) std::memcpy(w.mutable_raw() + i + 2, scales.raw() + i, 2);
        }
        for (const float sign : {1.0f, -1.0f}) {
          const Tensor a = Tensor::Full({1, 256}, sign * 1e3f);
          ExpectNear(Product(a, w), WithRoundedMinimums(a, w), 16 * 22);
        }
      }
    }
  });
}

TEST(Product, WrongOperandsAreErrors) {
  EXPECT_THROW(Product(Tensor::Zeros({2, 8}), Tensor::Zeros({3, 7})), Error);
  EXPECT_THROW(Product(Tensor::Zeros({2, 8}, DType::kI32), Tensor::Zeros({3, 8})), Error);
  EXPECT_THROW(Product(Tensor::Zeros({2, 8}), Tensor::Zeros({3, 8}, DType::kI8)), Error);
}

}  // namespace
}  // namespace tessera::kernels
