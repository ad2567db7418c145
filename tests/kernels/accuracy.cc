#include "kernels/accuracy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>

#include "tessera/core/random.h"
#include "tessera/core/thread_pool.h"

namespace tessera::kernels {
namespace {

// The distance to the next value of `dtype`.
double LastPlace(double value, DType dtype) {
  struct Format {
    int fraction_bits, least_exponent;
  };
  const Format format = dtype == DType::kF16    ? Format{10, -14}
                        : dtype == DType::kBF16 ? Format{7, -126}
                                                : Format{23, -126};
  const int exponent = value == 0 ? format.least_exponent : std::max(std::ilogb(value), format.least_exponent);
  return std::ldexp(1.0, exponent - format.fraction_bits);
}

// The greatest error of the results in `found`. It is at least the half unit that rounding costs; a whole one where
// there are few values, since luck decides then how near the plain formula comes.
double GreatestError(const std::vector<Tensor>& found, const std::vector<Tensor>& exact, Measure measure) {
  double largest = 0;
  int64_t count = 0;
  for (const Tensor& result : exact) {
    count += result.numel();
    for (double value : result.data<double>()) {
      if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
    }
  }
  double greatest = count < 1000 ? 1.0 : 0.5;
  for (size_t r = 0; r < found.size(); ++r) {
    const Tensor values = found[r].To(DType::kF64);
    for (int64_t i = 0; i < values.numel(); ++i) {
      const double expected = exact[r].data<double>()[i], value = values.data<double>()[i];
      if (!std::isfinite(expected) || !std::isfinite(value)) continue;
      const double unit = LastPlace(measure == Measure::kUnitsInTheLastPlace ? expected : largest, found[r].dtype());
      greatest = std::max(greatest, std::abs(value - expected) / unit);
    }
  }
  return greatest;
}

// Where the plain formula stays finite the fast one must; where it does not they must agree.
void ExpectSameSpecialValues(const Tensor& fast, const Tensor& plain) {
  const Tensor a = fast.To(DType::kF64), b = plain.To(DType::kF64);
  for (int64_t i = 0; i < a.numel(); ++i) {
    const double value = a.data<double>()[i], expected = b.data<double>()[i];
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(value)) << "value " << i << " is " << value << " but should be NaN";
    } else if (std::isinf(expected) || !std::isfinite(value)) {
      EXPECT_EQ(value, expected) << "value " << i;
    }
  }
}

}  // namespace

Tensor Values(const Shape& shape, const Draw& draw) {
  Random random(draw.seed, 11);
  Tensor values = Tensor::Empty({shape.numel() + 1}, DType::kF64);
  for (double& value : values.mutable_data<double>()) value = draw.scale * random.Normal();
  return values.To(draw.dtype).Slice(0, 1, shape.numel() + 1).Reshape(shape);
}

void ExpectAsExactAsPlain(const Function& fast, const Function& plain, const std::vector<Inputs>& cases,
                          Measure measure) {
  std::vector<Tensor> found, formula, exact;
  for (const Inputs& inputs : cases) {
    Inputs exact_inputs;
    for (const Tensor& input : inputs)
      exact_inputs.push_back(Info(input.dtype()).is_float ? input.To(DType::kF64) : input);
    found.push_back(fast(inputs));
    formula.push_back(plain(inputs));
    exact.push_back(plain(exact_inputs));
    ASSERT_EQ(found.back().shape(), exact.back().shape());
    ASSERT_EQ(found.back().dtype(), formula.back().dtype());
    ExpectSameSpecialValues(found.back(), formula.back());
  }
  EXPECT_LE(GreatestError(found, exact, measure), 2 * GreatestError(formula, exact, measure))
      << Name(found[0].dtype()) << " " << ToString(found[0].shape());
}

void ExpectSameBits(const Tensor& a, const Tensor& b) {
  ASSERT_EQ(a.shape(), b.shape());
  ASSERT_EQ(a.dtype(), b.dtype());
  EXPECT_EQ(std::memcmp(a.raw(), b.raw(), static_cast<size_t>(a.bytes())), 0) << "the bits differ";
}

void ExpectSameForAnyThreads(const std::function<Tensor()>& make) {
  const int before = ThreadCount();
  SetThreadCount(1);
  const Tensor alone = make();
  for (int threads : {2, 4}) {
    SetThreadCount(threads);
    SCOPED_TRACE(testing::Message() << threads << " threads");
    ExpectSameBits(alone, make());
  }
  SetThreadCount(before);
}

}  // namespace tessera::kernels
