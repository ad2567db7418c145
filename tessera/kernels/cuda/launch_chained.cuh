#pragma once
// Kernels that follow one another closely (programmatic dependent launch): a kernel starts while its predecessor ends,
// does what does not depend on it, and waits before it reads what another kernel has written.

#include <cuda_runtime.h>

#include <utility>

#include "tessera/core/error.h"
#include "tessera/core/gpu.h"

namespace tessera::kernels::cuda {

// On the GPU. Every kernel that LaunchChained starts calls it, in all threads, before it reads what an earlier kernel
// wrote and before it writes anything: all work before has then ended, and its writes are seen.
__device__ __forceinline__ void WaitForPredecessor() { asm volatile("griddepcontrol.wait;" ::: "memory"); }
// The next kernel may start once every block has called this or has ended.
__device__ __forceinline__ void LetSuccessorStart() { asm volatile("griddepcontrol.launch_dependents;" ::: "memory"); }

template <typename... Parameters, typename... Arguments>
void LaunchChained(void (*kernel)(Parameters...), int64_t blocks, int threads, int shared_bytes,
                   Arguments&&... arguments) {
  if (blocks == 0) return;
  Require(blocks < (int64_t{1} << 31), "GPU: {} blocks are more than a grid holds", blocks);
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(blocks));
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = static_cast<size_t>(shared_bytes);
  config.stream = gpu::WorkStream();
  config.attrs = &attribute;
  config.numAttrs = 1;
  const cudaError_t error = cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...);
  Require(error == cudaSuccess, "GPU: starting a kernel: {}", cudaGetErrorString(error));
}

}  // namespace tessera::kernels::cuda
