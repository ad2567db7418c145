// Products of a few rows at the memory's speed and of many at the tensor cores', for the shapes of Qwen2-7B. Launches
// are recorded in a graph, as decoding does it, and go round over so many copies of a weight that the L2 cache holds
// none. GB/s count the weight's bytes; the share is of what a copy within the GPU's memory reads and writes.
//
//   products_bench [--few | --many]

#include <cuda_runtime_api.h>
#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "tessera/core/gpu.h"
#include "tessera/core/random.h"
#include "tessera/kernels/cuda/block_weight.h"
#include "tessera/kernels/cuda/products.h"

namespace tessera::kernels::cuda {
namespace {

constexpr int64_t kCacheBytes = int64_t{60} << 20;

struct Case {
  std::string_view name;
  int64_t cols, outputs;
  bool gated = false;  // two weights of so many outputs
};
constexpr Case kCases[] = {{"q, k, v", 3584, 4608},
                           {"attention out", 3584, 3584},
                           {"gate and up", 3584, 18944, true},
                           {"down", 18944, 3584},
                           {"vocabulary", 3584, 152064}};

// Memory of random bits. Without the highest bit of the exponent they are numbers below 2 in bf16, and in the f16 of
// scales.
std::shared_ptr<std::byte> RandomBits(int64_t bytes) {
  static const Tensor& pattern = *[] {
    Tensor words = Tensor::Empty({int64_t{4} << 20}, DType::kI32);
    Random random(1);
    for (int32_t& word : words.mutable_data<int32_t>()) word = static_cast<int32_t>(random.Next() & 0xbfffbfffu);
    return std::make_unique<Tensor>(words.To(Device::kCuda)).release();
  }();
  const std::shared_ptr<std::byte> memory = gpu::Allocate(bytes);
  for (int64_t at = 0; at < bytes; at += pattern.bytes())
    gpu::CopyWithin(memory.get() + at, pattern.gpu_data<std::byte>(), std::min(pattern.bytes(), bytes - at));
  return memory;
}

Tensor RandomOnGpu(const Shape& shape, DType dtype) {
  const int64_t bytes =
      StaysInBlocks(dtype) ? LayoutOfBlocks(dtype, shape[0], shape[1]).bytes() : BytesFor(dtype, shape.numel());
  const std::shared_ptr<std::byte> memory = RandomBits(bytes);
  if (StaysInBlocks(dtype)) return Tensor::Packed(memory, memory.get(), bytes, shape, dtype, Device::kCuda);
  Tensor x = Tensor::Empty(shape, dtype, Device::kCuda);
  gpu::CopyWithin(x.mutable_gpu_data<std::byte>(), memory.get(), bytes);
  return x;
}

// The median time of one call in microseconds: body(i) for i = 0 … calls - 1 is recorded, and the graph runs 15 times.
double MedianMicroseconds(int calls, const std::function<void(int)>& body) {
  body(0);  // what is made at the first call is made outside the graph
  gpu::Synchronize();
  const gpu::Pool pool;
  const auto record = [&] {
    const gpu::Pool::Use use(pool);
    for (int i = 0; i < calls; ++i) body(i);
  };
  const gpu::Graph graph = gpu::Recorded(record);
  cudaEvent_t begin = nullptr, end = nullptr;
  cudaEventCreate(&begin);
  cudaEventCreate(&end);
  std::vector<double> times;
  for (int turn = 0; turn < 17; ++turn) {
    cudaEventRecord(begin, gpu::WorkStream());
    graph.Launch();
    cudaEventRecord(end, gpu::WorkStream());
    gpu::Synchronize();
    float milliseconds = 0;
    cudaEventElapsedTime(&milliseconds, begin, end);
    if (turn >= 2) times.push_back(static_cast<double>(milliseconds) * 1000 / calls);
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  std::nth_element(times.begin(), times.begin() + 7, times.end());
  return times[7];
}

double CopySpeed() {
  const int64_t bytes = int64_t{1} << 30;
  const std::shared_ptr<std::byte> from = RandomBits(bytes), to = gpu::Allocate(bytes);
  return 2e-3 * static_cast<double>(bytes) /
         MedianMicroseconds(4, [&](int) { gpu::CopyWithin(to.get(), from.get(), bytes); });
}

struct Weights {
  Tensor weight, up;  // up only if gated
  int64_t bytes() const { return weight.bytes() + (up.defined() ? up.bytes() : 0); }
};
Weights MakeWeights(const Case& c, DType dtype) {
  const Shape shape{c.outputs, c.cols};
  return {RandomOnGpu(shape, dtype), c.gated ? RandomOnGpu(shape, dtype) : Tensor()};
}

void Multiply(const Tensor& x, const Weights& weights) {
  if (weights.up.defined()) {
    ProductSiluMul(x, weights.weight, weights.up);
    return;
  }
  const WeightAndBias part{weights.weight, {}};
  Products(x, std::span(&part, 1), x.dtype());
}

void FewRows(const Case& c, DType dtype, double copy_speed) {
  std::vector<Weights> copies{MakeWeights(c, dtype)};
  const int64_t bytes = copies[0].bytes();
  while (static_cast<int64_t>(copies.size()) * bytes < 4 * kCacheBytes) copies.push_back(MakeWeights(c, dtype));
  const auto count = static_cast<int>(copies.size());
  fmt::print("{:14} {:>5} x {:6} {:>5} {:7.1f} ", c.name, c.cols, c.outputs * (c.gated ? 2 : 1), Name(dtype),
             static_cast<double>(bytes) / 1e6);
  for (const int64_t rows : {1, 4, 8}) {
    const Tensor x = RandomOnGpu({rows, c.cols}, DType::kBF16);
    const double time = MedianMicroseconds(count * ((20 + count - 1) / count),
                                           [&](int i) { Multiply(x, copies[static_cast<size_t>(i % count)]); });
    const double speed = static_cast<double>(bytes) / time / 1000;
    fmt::print("| {:7.1f} {:5.0f} {:3.0f}% ", time, speed, 100 * speed / copy_speed);
  }
  fmt::print("\n");
}

void ManyRows(const Case& c, DType dtype) {
  const Weights weights = MakeWeights(c, dtype);
  fmt::print("{:14} {:>5} x {:6} {:>5} ", c.name, c.cols, c.outputs * (c.gated ? 2 : 1), Name(dtype));
  for (const int64_t rows : {512, 4096}) {
    const Tensor x = RandomOnGpu({rows, c.cols}, DType::kBF16);
    const double time = MedianMicroseconds(4, [&](int) { Multiply(x, weights); });
    const double operations = 2.0 * static_cast<double>(rows * c.cols * c.outputs) * (c.gated ? 2 : 1);
    fmt::print("| {:9.1f} {:6.0f} ", time, operations / time / 1e6);
  }
  fmt::print("\n");
}

int Run(std::string_view only) {
  gpu::RequireAvailable();
  if (only != "--many") {
    const double copy_speed = CopySpeed();
    fmt::print("copy within the GPU's memory: {:.0f} GB/s read and written; x and y bf16\n\n", copy_speed);
    fmt::print("{:14} {:>5} x {:>6} {:>5} {:>7} | M=1 us  GB/s      | M=4 us  GB/s      | M=8 us  GB/s\n", "product",
               "K", "N", "w", "MB");
    for (const Case& c : kCases)
      for (const DType dtype : {DType::kBF16, DType::kQ8_0, DType::kQ4_0}) FewRows(c, dtype, copy_speed);
    fmt::print("\n");
  }
  if (only != "--few") {
    fmt::print("{:14} {:>5} x {:>6} {:>5} |  M=512 us TFLOP/s | M=4096 us TFLOP/s\n", "product", "K", "N", "w");
    for (const Case& c : kCases)
      for (const DType dtype : {DType::kBF16, DType::kQ8_0}) ManyRows(c, dtype);
  }
  return 0;
}

}  // namespace
}  // namespace tessera::kernels::cuda

int main(int argc, char** argv) {
  try {
    return tessera::kernels::cuda::Run(argc > 1 ? argv[1] : "");
  } catch (const tessera::Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
