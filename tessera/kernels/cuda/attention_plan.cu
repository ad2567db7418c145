#include <cuda.h>
#include <cuda_runtime.h>

#include "tessera/kernels/cuda/launch.cuh"

namespace tessera::kernels::cuda {

DeviceBuffer::DeviceBuffer(size_t bytes) : bytes_(bytes) {
  if (bytes == 0) return;
  void* memory = nullptr;
  const cudaError_t error = cudaMalloc(&memory, bytes);
  Require(error == cudaSuccess, "the GPU has no room for {} bytes: {}", bytes, cudaGetErrorString(error));
  memory_.reset(memory);
}
void DeviceBuffer::Free::operator()(void* memory) const { cudaFree(memory); }
void DeviceBuffer::Upload(const void* from) {
  if (bytes_ == 0) return;
  Check(cudaMemcpy(memory_.get(), from, bytes_, cudaMemcpyHostToDevice), "copying to the GPU");
  Check(cudaStreamSynchronize(nullptr), "copying to the GPU");  // the call may return before the last bytes are there
}
void DeviceBuffer::Download(void* to) const {
  if (bytes_ > 0) Check(cudaMemcpy(to, memory_.get(), bytes_, cudaMemcpyDeviceToHost), "copying from the GPU");
}
void Synchronize() { Check(cudaDeviceSynchronize(), "the GPU"); }

GpuFacts RequireSupported(const AttentionShape& shape) {
  const int d = shape.head_dim, dv = shape.value_dim;
  Require((d == dv && (d == 64 || d == 128 || d == 256)) || (d == 192 && dv == 128),
          "attention on the GPU: heads of {} and {}; (64, 64), (128, 128), (256, 256) and (192, 128) are supported", d,
          dv);
  Require(shape.dtype == DType::kBF16 || shape.dtype == DType::kF16,
          "attention on the GPU: {} operands; use bf16 or f16", Name(shape.dtype));
  Require(shape.kv_heads > 0 && shape.heads > 0 && shape.heads % shape.kv_heads == 0,
          "attention: {} key heads do not divide {} query heads", shape.kv_heads, shape.heads);
  Require(shape.scale > 0, "attention on the GPU: the scale is {}; it must be above 0", shape.scale);
  int device = 0, major = 0, minor = 0, cache = 0, multiprocessors = 0;
  Check(cudaGetDevice(&device), "finding a GPU");
  const auto ask = [&](int& answer, cudaDeviceAttr attribute) {
    Check(cudaDeviceGetAttribute(&answer, attribute, device), "asking the GPU");
  };
  ask(major, cudaDevAttrComputeCapabilityMajor), ask(minor, cudaDevAttrComputeCapabilityMinor);
  ask(cache, cudaDevAttrL2CacheSize), ask(multiprocessors, cudaDevAttrMultiProcessorCount);
  Require(major == 9 && minor == 0,
          "attention on the GPU: this GPU has compute capability {}.{}; the kernels need 9.0 (Hopper)", major, minor);
  return {multiprocessors, cache};
}

AttentionPlan::AttentionPlan(const AttentionPattern& pattern, const AttentionShape& shape)
    : lists_(std::make_unique<Lists>()) {
  const GpuFacts gpu = RequireSupported(shape);
  for (const AttentionSequence& s : pattern.sequences)
    Require(s.pages.empty(), "attention on the GPU: keys in pages are for PagedAttentionPlan");
  ListQueryWork(pattern, 1 << 20);  // refuses what the kernels cannot do
  lists_->pattern = pattern;
  lists_->shape = shape;
  lists_->query_rows = pattern.query_rows();
  lists_->key_rows = pattern.key_rows();
  lists_->multiprocessors = gpu.multiprocessors;
  lists_->cache_bytes = gpu.cache_bytes / 2;
}
AttentionPlan::~AttentionPlan() = default;

TileMap MakeTileMap(const void* data, DType dtype, int64_t rows, int heads, int dim, int tile_rows) {
  // The driver's function comes through the runtime, so that the program need not link the driver.
  static const auto encode = [] {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult found;
    Check(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &found),
          "cuTensorMapEncodeTiled");
    Require(function != nullptr, "the GPU's driver is older than CUDA 12");
    return reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(function);
  }();
  TileMap map;
  const auto u64 = [](int64_t value) { return static_cast<cuuint64_t>(value); };
  // [64 values, rows, column groups, heads]: a box comes out in column groups of 64, as SharedMatrix has them.
  const cuuint64_t sizes[] = {64, u64(rows), u64(dim / 64), u64(heads)};
  const cuuint64_t strides[] = {u64(int64_t{heads} * dim * 2), 128, u64(int64_t{dim} * 2)};
  const cuuint32_t box[] = {64, static_cast<cuuint32_t>(tile_rows), static_cast<cuuint32_t>(dim / 64), 1};
  const cuuint32_t steps[] = {1, 1, 1, 1};
  const CUresult error =
      encode(&map.map, dtype == DType::kBF16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 : CU_TENSOR_MAP_DATA_TYPE_FLOAT16, 4,
             const_cast<void*>(data), sizes, strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
             CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  Require(error == CUDA_SUCCESS,
          "attention on the GPU: the driver refused the tensor [{}, {}, {}] (error {}); does it begin at a multiple of "
          "16 bytes?",
          rows, heads, dim, static_cast<int>(error));
  return map;
}

}  // namespace tessera::kernels::cuda
