#include "tessera/core/gpu.h"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "tessera/core/error.h"

namespace tessera::gpu {
namespace {

void Check(cudaError_t error, std::string_view what) {
  tessera::Require(error == cudaSuccess, "GPU: {}: {}", what, cudaGetErrorString(error));
}

// Why no GPU can be used, or empty.
std::string WhyNot() {
  int count = 0;
  if (const cudaError_t error = cudaGetDeviceCount(&count); error != cudaSuccess || count == 0)
    return fmt::format("no GPU was found ({})", error == cudaSuccess ? "none is there" : cudaGetErrorString(error));
  int major = 0, minor = 0;
  cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0);
  cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0);
  if (major == 9 && minor == 0) return {};
  return fmt::format("the GPU is of compute capability {}.{}; the kernels are for Hopper, 9.0", major, minor);
}

const std::string& WhyNotHere() {
  static const std::string why = WhyNot();
  return why;
}

// A few sizes below 1 MiB (four steps between powers of two), whole units of 2 MiB above: no weight loses much.
int64_t RoundUp(int64_t bytes) {
  constexpr int64_t kSmall = 512, kLarge = int64_t{1} << 20, kUnit = int64_t{2} << 20;
  if (bytes >= kLarge) return (bytes + kUnit - 1) / kUnit * kUnit;
  int64_t size = kSmall;
  while (size < bytes) size *= 2;
  for (int64_t step = size / 8; step > 0 && size > kSmall && size - step >= bytes;) size -= step;
  return size;
}

// Freed blocks by size. Work goes to one stream, so a block may be taken while what used it last still runs.
class Blocks {
 public:
  ~Blocks() { Trim(); }

  std::byte* Take(int64_t size) {
    const std::lock_guard lock(mutex_);
    if (const auto found = free_.find(size); found != free_.end() && !found->second.empty()) {
      std::byte* block = found->second.back();
      found->second.pop_back();
      return block;
    }
    void* block = nullptr;
    cudaError_t error = cudaMalloc(&block, static_cast<size_t>(size));
    if (error == cudaErrorMemoryAllocation) {  // what waits for reuse may be of other sizes
      cudaGetLastError();
      Trim();
      error = cudaMalloc(&block, static_cast<size_t>(size));
    }
    tessera::Require(error == cudaSuccess,
                     "GPU: no room for {} MiB ({}); a smaller context, or weights of fewer bits, may fit", size >> 20,
                     cudaGetErrorString(error));
    return static_cast<std::byte*>(block);
  }

  void Give(std::byte* block, int64_t size) {
    const std::lock_guard lock(mutex_);
    free_[size].push_back(block);
  }

 private:
  std::mutex mutex_;
  std::map<int64_t, std::vector<std::byte*>> free_;

  void Trim() {
    for (auto& [size, blocks] : free_)
      for (std::byte* block : blocks) cudaFree(block);
    free_.clear();
  }
};

// Never destroyed: tensors of static storage may outlive anything.
std::shared_ptr<Blocks>& CurrentBlocks() {
  static std::shared_ptr<Blocks>& everyones =
      *std::make_unique<std::shared_ptr<Blocks>>(std::make_shared<Blocks>()).release();
  thread_local std::shared_ptr<Blocks> mine = everyones;
  return mine;
}

}  // namespace

bool Available() { return WhyNotHere().empty(); }
void RequireAvailable() { tessera::Require(Available(), "GPU: {}", WhyNotHere()); }

Stream WorkStream() {
  static const Stream stream = [] {
    RequireAvailable();
    cudaStream_t made = nullptr;
    Check(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking), "a stream");
    return made;
  }();
  return stream;
}

void Synchronize() { Check(cudaStreamSynchronize(WorkStream()), "work that was given earlier"); }

std::shared_ptr<std::byte> Allocate(int64_t bytes) {
  RequireAvailable();
  const int64_t size = RoundUp(bytes);
  const std::shared_ptr<Blocks> blocks = CurrentBlocks();
  return {blocks->Take(size), [blocks, size](std::byte* block) { blocks->Give(block, size); }};
}

std::shared_ptr<std::byte> AllocatePinned(int64_t bytes) {
  RequireAvailable();
  void* memory = nullptr;
  Check(cudaMallocHost(&memory, static_cast<size_t>(std::max<int64_t>(bytes, 1))), "pinned memory");
  return {static_cast<std::byte*>(memory), [](std::byte* p) { cudaFreeHost(p); }};
}

void CopyInLater(std::byte* gpu, const std::byte* host, int64_t bytes) {
  Check(cudaMemcpyAsync(gpu, host, static_cast<size_t>(bytes), cudaMemcpyHostToDevice, WorkStream()), "a copy in");
}
void CopyOutLater(std::byte* host, const std::byte* gpu, int64_t bytes) {
  Check(cudaMemcpyAsync(host, gpu, static_cast<size_t>(bytes), cudaMemcpyDeviceToHost, WorkStream()), "a copy out");
}
void CopyIn(std::byte* gpu, const std::byte* host, int64_t bytes) {
  CopyInLater(gpu, host, bytes);
  Synchronize();
}
void CopyOut(std::byte* host, const std::byte* gpu, int64_t bytes) {
  CopyOutLater(host, gpu, bytes);
  Synchronize();
}
void CopyWithin(std::byte* to, const std::byte* from, int64_t bytes) {
  Check(cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyDeviceToDevice, WorkStream()), "a copy");
}
void FillZeros(std::byte* gpu, int64_t bytes) {
  Check(cudaMemsetAsync(gpu, 0, static_cast<size_t>(bytes), WorkStream()), "zeros");
}

Pool::Pool() : blocks_(std::make_shared<Blocks>()) {}
Pool::~Pool() = default;

Pool::Use::Use(const Pool& pool) : before_(CurrentBlocks()) {
  CurrentBlocks() = std::static_pointer_cast<Blocks>(pool.blocks_);
}
Pool::Use::~Use() { CurrentBlocks() = std::static_pointer_cast<Blocks>(before_); }

namespace {

void BeginRecording() {
  // Relaxed: the pool may ask for memory while work is recorded.
  Check(cudaStreamBeginCapture(WorkStream(), cudaStreamCaptureModeRelaxed), "recording a graph");
}

}  // namespace

Recording::Recording() { BeginRecording(); }
Recording::~Recording() {
  cudaGraph_t graph = nullptr;
  if (cudaStreamEndCapture(WorkStream(), &graph) == cudaSuccess && graph != nullptr) cudaGraphDestroy(graph);
  cudaGetLastError();
}

Graph Recording::Take() {
  cudaGraph_t graph = nullptr;
  Check(cudaStreamEndCapture(WorkStream(), &graph), "recording a graph");
  cudaGraphExec_t executable = nullptr;
  const cudaError_t error = cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphDestroy(graph);
  Check(error, "preparing a graph");
  Graph result;
  result.executable_ = {executable, [](void* p) { cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(p)); }};
  BeginRecording();
  return result;
}

void Graph::Launch() const {
  Check(cudaGraphLaunch(static_cast<cudaGraphExec_t>(executable_.get()), WorkStream()), "a graph");
}

}  // namespace tessera::gpu
