#pragma once
// The vocabulary of the CUDA kernels. A kernel's text is written in these words alone, and is compiled twice: by nvcc
// for Hopper (block_hopper.cuh, accumulator_hopper.cuh), and by the host's compiler (block_host.cuh), so that its
// mathematics, its indices and its barriers are tested on any machine.
//
//   agent          who runs a part of the text: on the GPU a warpgroup of 128 threads, or one warp of warpgroup 0; on
//                  the host one thread. The producer's warps move tiles, the other warpgroups compute.
//   SharedMatrix   [rows, cols] values in the block's shared memory, in column groups of 64; Tile is a view of it.
//   Accumulator    [64, N] f32 of a warpgroup, in registers.     Fragment   [64, K] low-precision values, likewise.
//   Rows           one f32 a row of an accumulator.
//   Barrier        counts arrivals and copied bytes; a phase ends when all have come. Ring walks over its stages.
//   MulABt, AddAB, MulAtB   products; each call is one group that runs on while the text goes on, until WaitProducts.
//
// Everything that only some threads of an agent may do (one arrival, one copy) is done by one of them inside the word.

#ifdef __CUDACC__
#define TESSERA_DEVICE __device__ __forceinline__
#define TESSERA_UNROLL _Pragma("unroll")
#include "tessera/kernels/cuda/accumulator_hopper.cuh"
#else
#define TESSERA_DEVICE inline
#define TESSERA_UNROLL
#include "tessera/kernels/cuda/block_host.cuh"
#endif

namespace tessera::kernels::cuda {

// Stage and phase of a ring of `kStages` buffers that a producer fills and consumers empty in turn.
template <int kStages>
struct Ring {
  int stage = 0;
  uint32_t phase = 0;
  TESSERA_DEVICE void Next() {
    if (++stage == kStages) stage = 0, phase ^= 1;
  }
};

}  // namespace tessera::kernels::cuda
