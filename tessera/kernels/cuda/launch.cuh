#pragma once
// What the launchers of attention's passes share.

#include <cuda.h>
#include <cuda_runtime.h>

#include <string_view>
#include <utility>

#include "tessera/core/error.h"
#include "tessera/kernels/cuda/attention.h"
#include "tessera/kernels/cuda/block.cuh"
#include "tessera/kernels/cuda/work.h"

namespace tessera::kernels::cuda {

inline void Check(cudaError_t error, std::string_view what) {
  Require(error == cudaSuccess, "{}: {}", what, cudaGetErrorString(error));
}

struct GpuFacts {
  int multiprocessors;
  int64_t cache_bytes;  // of the L2 cache
};
// Throws Error for heads, dims and dtypes that the kernels do not know, and for a GPU that is no Hopper.
GpuFacts RequireSupported(const AttentionShape& shape);

// Queries and keys in the tiles that a configuration wants, made when it is first asked for.
struct AttentionPlan::Lists {
  AttentionPattern pattern;
  AttentionShape shape;
  int64_t query_rows = 0, key_rows = 0;
  int multiprocessors = 0;
  int64_t cache_bytes = 0;  // what the keys and values of heads that run together may take

  struct List {
    DeviceBuffer items;
    int count = 0, tile = 0;
  };
  List query_work, gradient_work, key_work;
  DeviceBuffer tickets, delta, dq_sums, turns;
};

// The map of a [rows, heads, dim] tensor of 2-byte values for boxes of [tile_rows, dim]. Throws Error if the driver
// refuses it.
TileMap MakeTileMap(const void* data, DType dtype, int64_t rows, int heads, int dim, int tile_rows);

// Calls body.operator()<T, D, Dv>() for the shape.
template <typename Body>
void WithHeads(const AttentionShape& shape, Body body) {
  const auto with_type = [&]<int kDqk, int kDv>() {
    shape.dtype == DType::kBF16 ? body.template operator()<BFloat16, kDqk, kDv>()
                                : body.template operator()<Float16, kDqk, kDv>();
  };
  switch (shape.head_dim) {
    case 64:
      return with_type.template operator()<64, 64>();
    case 128:
      return with_type.template operator()<128, 128>();
    case 192:
      return with_type.template operator()<192, 128>();
    default:
      return with_type.template operator()<256, 256>();
  }
}

// Calls body.operator()<T, D, Dv, causal>() for the shape and pattern.
template <typename Body>
void WithAttentionShape(const AttentionPlan::Lists& plan, Body body) {
  WithHeads(plan.shape, [&]<typename T, int kDqk, int kDv>() {
    plan.pattern.causal ? body.template operator()<T, kDqk, kDv, true>()
                        : body.template operator()<T, kDqk, kDv, false>();
  });
}

// A block's shared memory. It begins at a multiple of 1024, as the swizzle wants it, and at an address that the
// compiler knows: rounding it up here would cost registers.
template <typename Shared>
__device__ __forceinline__ Shared& SharedMemory() {
  extern __shared__ __align__(1024) unsigned char memory[];
  return *reinterpret_cast<Shared*>(memory);
}
template <typename Shared>
inline constexpr int kSharedBytes = [] {
  static_assert(sizeof(Shared) <= 227 * 1024, "more than a block may have");
  return static_cast<int>(sizeof(Shared));
}();

template <typename Kernel, typename... Arguments>
void Launch(Kernel kernel, int64_t blocks, int threads, int shared_bytes, Stream stream, Arguments&&... arguments) {
  if (blocks == 0) return;
  Require(blocks < (int64_t{1} << 31), "attention: {} tiles are more than a GPU's grid holds", blocks);
  if (shared_bytes > 48 * 1024)
    Check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes), "attention");
  kernel<<<static_cast<unsigned>(blocks), threads, shared_bytes, stream>>>(std::forward<Arguments>(arguments)...);
  Check(cudaGetLastError(), "attention");
}

}  // namespace tessera::kernels::cuda
