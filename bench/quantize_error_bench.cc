// How far each block format is from the values that it stands for, and how long writing and reading it takes.
//
//   quantize_error_bench                      normal deviates
//   quantize_error_bench MODEL TENSOR         a tensor of a checkpoint, for example token_embd.weight of a GGUF file
//
// error = sqrt(Σ (x - x̂)² / Σ x²); weighted = the same with |x| as weights, so that large values count more. Times are
// of all threads together.

#include <chrono>
#include <cmath>
#include <cstdio>

#include "bench/report_errors.h"
#include "tessera/core/error.h"
#include "tessera/core/random.h"
#include "tessera/weights/checkpoint.h"
#include "tessera/weights/quantize_blocks.h"

namespace {

using tessera::DType;
using tessera::Tensor;

Tensor NormalDeviates() {
  Tensor x = Tensor::Empty({2048, 2048});
  tessera::Random random(1);
  for (float& value : x.mutable_data<float>()) value = 0.02f * static_cast<float>(random.Normal());
  return x;
}

Tensor FromModel(const char* path, const char* name) {
  const auto checkpoint = tessera::weights::Checkpoint::Open(path);
  const bool gguf_name = checkpoint.gguf() != nullptr && checkpoint.gguf()->Has(name);
  const Tensor x = tessera::weights::Dequantize(gguf_name ? checkpoint.gguf()->Get(name) : checkpoint.Get(name));
  return x.Reshape({x.numel()}).Slice(0, 0, x.numel() / 256 * 256).Reshape({x.numel() / 256, 256});
}

void Measure(const Tensor& x, DType dtype) {
  using Clock = std::chrono::steady_clock;
  const auto nanoseconds = [&](Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double, std::nano>(to - from).count() / static_cast<double>(x.numel());
  };
  const auto start = Clock::now();
  const Tensor blocks = tessera::weights::Quantize(x, dtype);
  const auto written = Clock::now();
  const Tensor back = tessera::weights::Dequantize(blocks);
  const auto read = Clock::now();
  double error = 0, norm = 0, weighted_error = 0, weighted_norm = 0;
  for (size_t i = 0; i < x.data<float>().size(); ++i) {
    const double value = x.data<float>()[i], difference = value - back.data<float>()[i];
    error += difference * difference;
    norm += value * value;
    weighted_error += std::fabs(value) * difference * difference;
    weighted_norm += std::fabs(value) * value * value;
  }
  const tessera::DTypeInfo& info = tessera::Info(dtype);
  std::printf("| %-6s | %6.4f | %8.3f %% | %8.3f %% | %6.1f | %6.2f |\n", std::string(info.name).c_str(),
              8.0 * static_cast<double>(info.block_bytes) / static_cast<double>(info.block_size),
              100 * std::sqrt(error / norm), 100 * std::sqrt(weighted_error / weighted_norm),
              nanoseconds(start, written), nanoseconds(written, read));
}

}  // namespace

int main(int argc, char** argv) {
  return tessera::bench::ReportErrors("quantize_error_bench", [&] {
    tessera::Require(argc == 1 || argc == 3, "usage: {} [MODEL TENSOR]", argv[0]);
    const Tensor x = argc == 3 ? FromModel(argv[1], argv[2]) : NormalDeviates();
    std::puts("| format | bits a value | error | weighted error | write ns | read ns |");
    std::puts("| --- | --- | --- | --- | --- | --- |");
    for (const DType dtype :
         {DType::kBF16, DType::kF16, DType::kQ8_0, DType::kQ6_K, DType::kQ5_1, DType::kQ5_0, DType::kQ5_K, DType::kQ4_1,
          DType::kQ4_0, DType::kQ4_K, DType::kIQ4_NL, DType::kIQ4_XS, DType::kQ3_K, DType::kQ2_K})
      Measure(x, dtype);
    return 0;
  });
}
