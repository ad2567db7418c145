#pragma once
// The vocabulary of kernels without tiles: a block of threads that share work by index, for (i = Thread(); i < n;
// i += Threads()). On the host a block is one thread, so the same text is tested anywhere.

#include <algorithm>
#include <bit>
#include <cmath>

#include "tessera/kernels/cuda/block.cuh"

namespace tessera::kernels::cuda {

// Room for one sum or maximum of a block, in its shared memory.
struct BlockScratch {
  float of_warp[32];
};

#ifdef __CUDACC__
TESSERA_DEVICE int Thread() { return static_cast<int>(threadIdx.x); }
TESSERA_DEVICE int Threads() { return static_cast<int>(blockDim.x); }
TESSERA_DEVICE void SyncThreads() { __syncthreads(); }
TESSERA_DEVICE float ToFloat(float x) { return x; }
template <>
TESSERA_DEVICE float FromFloat<float>(float x) {
  return x;
}
// The sum, the maximum over a block's threads, in all of them; always in the same order.
TESSERA_DEVICE float BlockSum(float x, BlockScratch& scratch) {
  x = WarpSum(x);
  __syncthreads();  // everyone has read what was there before
  if (Lane() == 0) scratch.of_warp[threadIdx.x / 32] = x;
  __syncthreads();
  return WarpSum(Lane() < static_cast<int>(blockDim.x / 32) ? scratch.of_warp[Lane()] : 0.0f);
}
TESSERA_DEVICE float BlockMax(float x, BlockScratch& scratch) {
  x = WarpMax(x);
  __syncthreads();
  if (Lane() == 0) scratch.of_warp[threadIdx.x / 32] = x;
  __syncthreads();
  return WarpMax(Lane() < static_cast<int>(blockDim.x / 32) ? scratch.of_warp[Lane()] : -INFINITY);
}
TESSERA_DEVICE uint32_t FloatBits(float x) { return __float_as_uint(x); }
// *to = max(*to, the greatest x of a warp).
TESSERA_DEVICE void AtomicMax(uint64_t* to, uint64_t x) {
#pragma unroll
  for (int lane = 16; lane > 0; lane /= 2) {
    const uint64_t other = __shfl_xor_sync(0xffffffff, x, lane);
    x = other > x ? other : x;
  }
  if (Lane() == 0) atomicMax(reinterpret_cast<unsigned long long*>(to), static_cast<unsigned long long>(x));
}
#else
inline uint32_t FloatBits(float x) { return std::bit_cast<uint32_t>(x); }
inline void AtomicMax(uint64_t* to, uint64_t x) { *to = std::max(*to, x); }
inline int Thread() { return 0; }
inline int Threads() { return 1; }
inline void SyncThreads() {}
inline float BlockSum(float x, BlockScratch&) { return x; }
inline float BlockMax(float x, BlockScratch&) { return x; }
#endif

}  // namespace tessera::kernels::cuda
