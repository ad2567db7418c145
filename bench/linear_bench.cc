// Products against what the machine can do: for every dtype and the weights of two models, operations a second beside
// the measured peak, and bytes of weight read a second beside the measured bandwidth.
//
//   linear_bench [DTYPE…]        default: all

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "kernels/product_data.h"
#include "tessera/core/isa.h"
#include "tessera/core/thread_pool.h"
#include "tessera/kernels/machine_probe.h"
#include "tessera/kernels/matmul.h"
#include "tessera/kernels/packed_weight.h"

namespace {

using namespace tessera;
using kernels::PeakKind;

struct Shape2 {
  const char* name;
  int64_t outputs, inputs;
};
constexpr Shape2 kShapes[] = {
    {"SmolLM2 q", 576, 576},      {"SmolLM2 gate", 1536, 576},     {"SmolLM2 down", 576, 1536},
    {"Qwen2-1.5B q", 1536, 1536}, {"Qwen2-1.5B gate", 8960, 1536}, {"Qwen2-1.5B down", 1536, 8960},
};

double Now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// The shortest time of a product. Weights take turns, so that a small one comes from memory as it does in a model.
double BestSeconds(const Tensor& x, const std::vector<Tensor>& weights, double budget) {
  double best = 1e30;
  const double end = Now() + budget;
  do {
    for (const Tensor& weight : weights) {
      const double start = Now();
      kernels::Product(x, weight);
      best = std::min(best, Now() - start);
    }
  } while (Now() < end);
  return best;
}

void Measure(DType dtype, const std::vector<double>& peaks, double bandwidth) {
  const bool bf16 = dtype == DType::kBF16;
  const bool integer = IsQuantized(dtype) && dtype != DType::kQ2_K && dtype != DType::kQ3_K;
  const double peak = peaks[bf16 ? 1 : integer ? 2 : 0];
  for (const Shape2& shape : kShapes) {
    const Tensor weight = kernels::PackWeight(kernels::RandomWeight(shape.outputs, shape.inputs, 1, dtype));
    const auto copies = static_cast<size_t>(std::clamp<int64_t>((int64_t{96} << 20) / weight.bytes(), 1, 200));
    std::vector<Tensor> weights;
    const Tensor plain = kernels::UnpackWeight(weight);
    for (size_t i = 0; i < copies; ++i) weights.push_back(kernels::PackWeight(plain));
    for (const int64_t rows : {1, 8, 512}) {
      const Tensor x = kernels::RandomMatrix(rows, shape.inputs, 2, bf16 ? DType::kBF16 : DType::kF32);
      const double seconds = BestSeconds(x, rows < 512 ? weights : std::vector<Tensor>{weight}, 0.3);
      const double rate = 2.0 * static_cast<double>(rows * shape.outputs * shape.inputs) / seconds;
      const double read = static_cast<double>(weight.bytes()) / seconds;
      fmt::print("{:7} {:16} M={:<4} {:9.1f} us {:8.1f} Gop/s {:5.1f}% {:7.1f} GB/s {:5.1f}%\n", Name(dtype),
                 shape.name, rows, seconds * 1e6, rate * 1e-9, peak > 0 ? 100 * rate / peak : 0.0, read * 1e-9,
                 100 * read / bandwidth);
      std::fflush(stdout);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<double> peaks;
  for (const PeakKind kind : {PeakKind::kF32, PeakKind::kBf16, PeakKind::kInt8}) {
    peaks.push_back(kernels::MeasurePeak(kind));
    fmt::print("peak {:5} {:8.1f} Gop/s\n", kernels::Name(kind), peaks.back() * 1e-9);
  }
  const double bandwidth = kernels::MeasureReadBandwidth();
  fmt::print("read bandwidth {:.1f} GB/s, {} threads, {}\n", bandwidth * 1e-9, ThreadCount(), Name(LiveIsa()));
  std::vector<DType> dtypes = kernels::FloatDTypes();
  for (const DType dtype : kernels::BlockDTypes()) dtypes.push_back(dtype);
  if (argc > 1) dtypes.clear();
  for (int i = 1; i < argc; ++i) dtypes.push_back(DTypeFromName(argv[i]));
  for (const DType dtype : dtypes) Measure(dtype, peaks, bandwidth);
}
