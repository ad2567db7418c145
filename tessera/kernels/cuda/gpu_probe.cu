#include <cuda_runtime.h>

#include <algorithm>
#include <vector>

#include "tessera/core/gpu.h"
#include "tessera/core/random.h"
#include "tessera/kernels/cuda/gpu_probe.h"
#include "tessera/kernels/cuda/products.h"

namespace tessera::kernels::cuda {
namespace {

// The median time of one body() in seconds, after one that warms up.
template <typename Body>
double MedianSeconds(Body body) {
  constexpr int kRuns = 7;
  cudaEvent_t start = nullptr, end = nullptr;
  Require(cudaEventCreate(&start) == cudaSuccess && cudaEventCreate(&end) == cudaSuccess, "GPU: no events");
  body();
  std::vector<float> milliseconds(kRuns);
  for (float& time : milliseconds) {
    cudaEventRecord(start, gpu::WorkStream());
    body();
    cudaEventRecord(end, gpu::WorkStream());
    gpu::Synchronize();
    cudaEventElapsedTime(&time, start, end);
  }
  cudaEventDestroy(start), cudaEventDestroy(end);
  std::ranges::nth_element(milliseconds, milliseconds.begin() + kRuns / 2);
  return static_cast<double>(milliseconds[kRuns / 2]) * 1e-3;
}

}  // namespace

std::string GpuName() {
  cudaDeviceProp properties{};
  Require(cudaGetDeviceProperties(&properties, 0) == cudaSuccess, "GPU: it does not say what it is");
  return properties.name;
}

double MeasureCopyBandwidth() {
  constexpr int64_t kBytes = int64_t{1} << 30;
  Tensor from = Tensor::Empty({kBytes}, DType::kU8, Device::kCuda);
  Tensor to = Tensor::Empty({kBytes}, DType::kU8, Device::kCuda);
  gpu::FillZeros(from.mutable_gpu_data<std::byte>(), kBytes);
  const double seconds =
      MedianSeconds([&] { gpu::CopyWithin(to.mutable_gpu_data<std::byte>(), from.gpu_data<std::byte>(), kBytes); });
  return 2 * static_cast<double>(kBytes) / seconds;
}

double MeasureBf16Peak() {
  constexpr int64_t kSide = 8192;
  Random random(1);
  std::vector<BFloat16> values(static_cast<size_t>(kSide * kSide));
  for (BFloat16& value : values) value = BFloat16(static_cast<float>(random.Uniform()) - 0.5f);
  const Tensor a = Tensor::From<BFloat16>(values, {kSide, kSide}).To(Device::kCuda);
  const WeightAndBias weight{.weight = a};
  const double seconds = MedianSeconds([&] { Products(a, {&weight, 1}, DType::kBF16); });
  const double side = static_cast<double>(kSide);
  return 2 * side * side * side / seconds;
}

}  // namespace tessera::kernels::cuda
