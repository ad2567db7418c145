#include "tessera/weights/quantize_calibrated.h"

#include <gmock/gmock.h>

#include <cstring>

#include "tessera/core/error.h"
#include "tessera/core/random.h"
#include "tessera/core/thread_pool.h"
#include "tessera/weights/quantize_blocks.h"

namespace tessera::weights {
namespace {

constexpr int64_t kRows = 12, kColumns = 512, kSamples = 800;

Tensor Normal(const Shape& shape, uint64_t seed) {
  Random random(seed);
  Tensor t = Tensor::Empty(shape);
  for (float& value : t.mutable_data<float>()) value = static_cast<float>(random.Normal());
  return t;
}

// Inputs whose coordinates move together, as activations do: 40 directions and some noise.
Tensor Inputs() {
  constexpr int64_t kDirections = 40;
  const Tensor mixing = Normal({kDirections, kColumns}, 1), weights = Normal({kSamples, kDirections}, 2),
               noise = Normal({kSamples, kColumns}, 3);
  Tensor x = Tensor::Zeros({kSamples, kColumns});
  const auto out = x.mutable_data<float>();
  const auto m = mixing.data<float>(), w = weights.data<float>(), e = noise.data<float>();
  for (size_t s = 0; s < kSamples; ++s)
    for (size_t c = 0; c < kColumns; ++c) {
      float sum = 0.3F * e[s * kColumns + c];
      for (size_t d = 0; d < kDirections; ++d) sum += w[s * kDirections + d] * m[d * kColumns + c] * 0.3F;
      out[s * kColumns + c] = sum;
    }
  return x;
}

InputGram GramOf(const Tensor& x) {
  InputGram gram{.size = x.dim(1), .values = std::vector<double>(static_cast<size_t>(x.dim(1) * x.dim(1)))};
  const auto values = x.data<float>();
  const auto n = static_cast<size_t>(x.dim(1));
  for (size_t s = 0; s < static_cast<size_t>(x.dim(0)); ++s)
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < n; ++j)
        gram.values[i * n + j] += static_cast<double>(values[s * n + i]) * static_cast<double>(values[s * n + j]);
  return gram;
}

// Σ ‖(w - q) x‖² by the gram
double OutputError(const Tensor& w, const Tensor& q, const InputGram& gram) {
  const Tensor again = Dequantize(q);
  const auto a = w.data<float>(), b = again.data<float>();
  const auto n = static_cast<size_t>(gram.size);
  double error = 0;
  for (size_t r = 0; r < static_cast<size_t>(w.dim(0)); ++r)
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < n; ++j)
        error += static_cast<double>(a[r * n + i] - b[r * n + i]) * gram.values[i * n + j] *
                 static_cast<double>(a[r * n + j] - b[r * n + j]);
  return error;
}

TEST(QuantizeCalibrated, ResultsStayNearerThanWithPlainRounding) {
  const Tensor w = Normal({kRows, kColumns}, 4);
  const InputGram gram = GramOf(Inputs());
  for (const DType dtype : {DType::kQ4_0, DType::kQ4_1, DType::kQ4_K, DType::kQ5_0, DType::kQ6_K}) {
    const double plain = OutputError(w, Quantize(w, dtype), gram);
    const double calibrated = OutputError(w, QuantizeCalibrated(w, dtype, gram, "w"), gram);
    EXPECT_LT(calibrated, 0.7 * plain) << Name(dtype);
  }
}

TEST(QuantizeCalibrated, TheSameBitsForAnyNumberOfThreads) {
  const Tensor w = Normal({kRows, kColumns}, 5);
  const InputGram gram = GramOf(Inputs());
  const int threads = ThreadCount();
  SetThreadCount(1);
  const Tensor one = QuantizeCalibrated(w, DType::kQ4_0, gram, "w");
  SetThreadCount(3);
  const Tensor three = QuantizeCalibrated(w, DType::kQ4_0, gram, "w");
  SetThreadCount(threads);
  EXPECT_EQ(std::memcmp(one.raw(), three.raw(), static_cast<size_t>(one.bytes())), 0);
}

TEST(QuantizeCalibrated, ACalibrationOfAnotherSizeIsRefused) {
  const Tensor w = Normal({kRows, kColumns}, 6);
  EXPECT_THROW(QuantizeCalibrated(w, DType::kQ4_0, {.size = 64, .values = std::vector<double>(64 * 64)}, "blk.0"),
               Error);
}

}  // namespace
}  // namespace tessera::weights
