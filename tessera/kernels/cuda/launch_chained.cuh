#pragma once
// Kernels in a chain: each may start while its predecessor in the stream still runs, and waits for it only where it
// needs what the predecessor wrote (programmatic dependent launch; CUDA programming guide, "Programmatic Dependent
// Launch and Synchronization").
//
// A kernel that is launched with LaunchChained has this form, in every one of its threads:
//   LetSuccessorStart();       // early: the successor's blocks move in as soon as there is room
//   … loads of weights, which no kernel writes …
//   WaitForPredecessor();      // before the first read of anything else, and before the first write
// No block may leave before it has waited: the successor relies on the end of this kernel to mean the end of all
// kernels before it.

#include <cuda_runtime.h>

#include <utility>

#include "tessera/core/error.h"
#include "tessera/core/gpu.h"

namespace tessera::kernels::cuda {

// Returns when all kernels before this one are done and what they wrote can be seen.
__device__ __forceinline__ void WaitForPredecessor() { asm volatile("griddepcontrol.wait;" ::: "memory"); }
__device__ __forceinline__ void LetSuccessorStart() { asm volatile("griddepcontrol.launch_dependents;" ::: "memory"); }

// kernel<<<blocks, threads, shared_bytes>>>(arguments…) on a stream, or on gpu::WorkStream(), as a link of the chain.
// No blocks, no launch. Throws Error if the launch fails.
template <typename... Parameters, typename... Arguments>
void LaunchChainedOn(gpu::Stream stream, void (*kernel)(Parameters...), int64_t blocks, int threads, int shared_bytes,
                     Arguments&&... arguments) {
  if (blocks == 0) return;
  Require(blocks > 0 && blocks < (int64_t{1} << 31), "GPU: {} blocks are more than a grid holds", blocks);
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(blocks));
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = static_cast<size_t>(shared_bytes);
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  cudaError_t error = cudaSuccess;
  if (shared_bytes > 48 * 1024)
    error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes);
  if (error == cudaSuccess) error = cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...);
  Require(error == cudaSuccess, "GPU: a kernel could not start: {}", cudaGetErrorString(error));
}

template <typename... Parameters, typename... Arguments>
void LaunchChained(void (*kernel)(Parameters...), int64_t blocks, int threads, int shared_bytes,
                   Arguments&&... arguments) {
  LaunchChainedOn(gpu::WorkStream(), kernel, blocks, threads, shared_bytes, std::forward<Arguments>(arguments)...);
}

}  // namespace tessera::kernels::cuda
