#pragma once
// The vocabulary of kernels whose lanes work together: 32 lanes are a warp, warps a block. Like block.cuh it is
// compiled twice: by nvcc, and by the host's compiler, where each lane is a thread, so that which lane holds what is
// tested on any machine.
//
//   ThreadOfBlock, BlockOfGrid   who runs the text
//   SyncBlockLanes               all lanes of a block have come here, and see what the others wrote
//   MultiplyAdd                  the matrix instruction of a warp; all of its lanes call it together
//   AddOfPartner                 x of this lane and of the lane whose number differs in one bit; likewise
//   AddRounded, MulRounded, …    one operation, rounded: never made one with its neighbour

#include <cstdint>

#include "tessera/core/dtype.h"

#ifdef __CUDACC__
#define TESSERA_LANE __device__ __forceinline__
#define TESSERA_UNROLLED _Pragma("unroll")
#include "tessera/kernels/cuda/lanes_hopper.cuh"
#else
#define TESSERA_LANE inline
#define TESSERA_UNROLLED
#include "tessera/kernels/cuda/lanes_host.cuh"
#endif
