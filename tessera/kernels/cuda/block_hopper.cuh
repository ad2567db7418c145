#pragma once
// The vocabulary on a Hopper GPU (compute capability 9.0a). Tensor cores, the copy engine and barriers live here and
// nowhere else. PTX names are those of the PTX ISA manual, version 8.0 and later.
//
// Here are agents, barriers and memory; products and accumulators are in accumulator_hopper.cuh. Shared matrices use
// the 128-byte swizzle: row r of a column group is 128 bytes at r · 128, and its 16-byte chunk c lies at chunk c ^ (r
// mod 8).

#include <cuda.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

#include "tessera/core/dtype.h"

namespace tessera::kernels::cuda {

// ---- agents ----
TESSERA_DEVICE int Warpgroup() { return __shfl_sync(0xffffffff, threadIdx.x / 128, 0); }
TESSERA_DEVICE int WarpOfGroup() { return __shfl_sync(0xffffffff, threadIdx.x / 32 % 4, 0); }
TESSERA_DEVICE int Lane() { return threadIdx.x % 32; }
inline constexpr int kLanes = 32;          // of a producer's warp
inline constexpr int kGroupThreads = 128;  // of a warpgroup
TESSERA_DEVICE int GroupThread() { return threadIdx.x % 128; }
TESSERA_DEVICE bool FirstThread() { return threadIdx.x == 0; }
TESSERA_DEVICE void SyncBlock() { __syncthreads(); }
TESSERA_DEVICE void SyncGroup() {
  asm volatile("bar.sync %0, 128;" ::"r"(8 + static_cast<int>(threadIdx.x) / 128) : "memory");
}
template <int kConsumers>
TESSERA_DEVICE void SyncConsumers() {
  asm volatile("bar.sync 1, %0;" ::"n"(kConsumers * 128) : "memory");
}
template <int kRegisters>
TESSERA_DEVICE void GiveRegisters() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kRegisters));
}
template <int kRegisters>
TESSERA_DEVICE void TakeRegisters() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kRegisters));
}

// Consumers issue their products in turn, so that one computes softmax while another's products run. Named barriers
// 2 … 4: the one of consumer w completes when its own threads wait and its predecessor's have passed the turn.
template <int kConsumers>
struct Turns {
  int consumer;
  TESSERA_DEVICE void Begin() const {
    if (consumer == kConsumers - 1) Pass();
  }
  TESSERA_DEVICE void Take() const { asm volatile("bar.sync %0, 256;" ::"r"(2 + consumer) : "memory"); }
  TESSERA_DEVICE void Pass() const {
    const int next = consumer + 1 == kConsumers ? 0 : consumer + 1;
    asm volatile("bar.arrive %0, 256;" ::"r"(2 + next) : "memory");
  }
};
template <>
struct Turns<1> {
  int consumer;
  TESSERA_DEVICE void Begin() const {}
  TESSERA_DEVICE void Take() const {}
  TESSERA_DEVICE void Pass() const {}
};

TESSERA_DEVICE uint32_t SharedAddress(const void* p) { return static_cast<uint32_t>(__cvta_generic_to_shared(p)); }

// ---- barriers ----
class Barrier {
 public:
  // By one thread of the block, before SyncBlock.
  TESSERA_DEVICE void Init(int arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(SharedAddress(&state_)), "r"(arrivals));
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  // One arrival, which also announces `bytes` that copies will bring. By one thread.
  TESSERA_DEVICE void Expect(int bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(SharedAddress(&state_)), "r"(bytes)
                 : "memory");
  }
  // One arrival, by one thread.
  TESSERA_DEVICE void Arrive() {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(SharedAddress(&state_)) : "memory");
  }
  // One arrival by a producer's warp whose lanes have all written what they had to.
  TESSERA_DEVICE void ArriveWarp() {
    __syncwarp();
    if (Lane() == 0) Arrive();
  }
  // Arrivals by a warpgroup that has finished what came before: each warp tells for itself.
  TESSERA_DEVICE void ArriveGroup() { ArriveWarp(); }
  static constexpr int kGroupArrivals = 4;  // arrivals that one ArriveGroup counts as
  TESSERA_DEVICE void Wait(uint32_t phase) {
    uint32_t done = 0;
    while (!done) {
      asm volatile(
          "{ .reg .pred p;\n"
          "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
          "selp.u32 %0, 1, 0, p; }\n"
          : "=r"(done)
          : "r"(SharedAddress(&state_)), "r"(phase)
          : "memory");
    }
  }

 private:
  friend TESSERA_DEVICE uint32_t AddressOf(const Barrier& b) { return SharedAddress(&b.state_); }
  uint64_t state_;
};

// Makes this thread's ordinary writes to shared memory visible to the tensor cores and the copy engine.
// (The fence of all memory, without ".shared::cta", takes as long as one across the whole GPU.)
TESSERA_DEVICE void FenceAsync() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

TESSERA_DEVICE float ToFloat(BFloat16 x) { return __uint_as_float(static_cast<uint32_t>(x.bits) << 16); }
TESSERA_DEVICE float ToFloat(Float16 x) { return __half2float(__ushort_as_half(x.bits)); }
template <typename T>
TESSERA_DEVICE T FromFloat(float x);
template <>
TESSERA_DEVICE BFloat16 FromFloat<BFloat16>(float x) {
  BFloat16 y;
  y.bits = __bfloat16_as_ushort(__float2bfloat16_rn(x));
  return y;
}
template <>
TESSERA_DEVICE Float16 FromFloat<Float16>(float x) {
  Float16 y;
  y.bits = __half_as_ushort(__float2half_rn(x));
  return y;
}
// The sum over a warp's lanes, in all of them.
TESSERA_DEVICE float WarpSum(float x) {
#pragma unroll
  for (int lane = 16; lane > 0; lane /= 2) x += __shfl_xor_sync(0xffffffff, x, lane);
  return x;
}

TESSERA_DEVICE float WarpMax(float x) {
#pragma unroll
  for (int lane = 16; lane > 0; lane /= 2) x = fmaxf(x, __shfl_xor_sync(0xffffffff, x, lane));
  return x;
}
// The value of one lane, in all of them.
TESSERA_DEVICE float Broadcast(float x, int lane) { return __shfl_sync(0xffffffff, x, lane); }

// ---- shared matrices ----
template <typename T, int kRows>
struct Tile {
  uint32_t address;
  static constexpr uint32_t kGroupBytes = kRows * 128;

  TESSERA_DEVICE Tile Row(int row) const { return {address + row * 128}; }                  // row a multiple of 8
  TESSERA_DEVICE Tile Column(int col) const { return {address + col / 64 * kGroupBytes}; }  // col a multiple of 64
};

template <typename T, int kRows, int kCols>
struct SharedMatrix {
  static constexpr int kBytes = kRows * kCols * static_cast<int>(sizeof(T));
  alignas(1024) T values[kRows * kCols];

  TESSERA_DEVICE cuda::Tile<T, kRows> Tile() const { return {SharedAddress(values)}; }

  // Writes zeros to rows begin … kRows - 1, this agent's share of them.
  TESSERA_DEVICE void ZeroRows(int begin, int agent, int agents) {
    for (int row = begin + agent; row < kRows; row += agents)
      for (int i = GroupThread(); i < kCols / 2; i += kGroupThreads) {
        uint32_t* word = reinterpret_cast<uint32_t*>(values) + (i / 32 * kRows + row) * 32 + i % 32;
        *word = 0;
      }
  }
};

// Fills rows 0 … rows - 1 from global memory, where row r begins at from(r), a multiple of 16 bytes; by a warpgroup.
template <typename T, int kRows, int kCols, typename From>
TESSERA_DEVICE void LoadRows(SharedMatrix<T, kRows, kCols>& to, int rows, From from) {
  for (int i = GroupThread(); i < rows * (kCols / 8); i += kGroupThreads) {
    const int row = i / (kCols / 8), chunk = i % (kCols / 8);
    uint4* line = reinterpret_cast<uint4*>(to.values) + (chunk / 8 * kRows + row) * 8;
    line[chunk % 8 ^ row % 8] = reinterpret_cast<const uint4*>(from(row))[chunk];
  }
}

template <typename T, int kRows>
struct SharedMatrix<T, kRows, 0> {};  // one that a configuration does without

// A [rows, heads, head_dim] tensor in global memory, as the copy engine reads it in boxes of [kRows, head_dim].
class TileMap {
 public:
  CUtensorMap map;

  // Copies rows row … row + kRows - 1 of one head; rows outside the tensor become 0. By one thread; `full` is told.
  template <typename T, int kRows, int kCols>
  TESSERA_DEVICE void Load(SharedMatrix<T, kRows, kCols>& to, int row, int head, Barrier& full) const {
    asm volatile(
        "cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, %6}], "
        "[%2];" ::"r"(SharedAddress(to.values)),
        "l"(reinterpret_cast<uint64_t>(&map)), "r"(AddressOf(full)), "r"(0), "r"(row), "r"(0), "r"(head)
        : "memory");
  }
};

// ---- sums in global memory, in a fixed order ----
// Copies `bytes` of shared memory over, or adds their floats to, global memory. By one thread.
TESSERA_DEVICE void BulkStore(float* global, const float* shared, int bytes) {
  asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2;" ::"l"(global), "r"(SharedAddress(shared)),
               "r"(bytes)
               : "memory");
}
TESSERA_DEVICE void BulkAdd(float* global, const float* shared, int bytes) {
  asm volatile("cp.reduce.async.bulk.global.shared::cta.bulk_group.add.f32 [%0], [%1], %2;" ::"l"(global),
               "r"(SharedAddress(shared)), "r"(bytes)
               : "memory");
}
TESSERA_DEVICE void CommitBulk() { asm volatile("cp.async.bulk.commit_group;" ::: "memory"); }
TESSERA_DEVICE void WaitBulkRead() { asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory"); }
TESSERA_DEVICE void WaitBulk() { asm volatile("cp.async.bulk.wait_group 0;" ::: "memory"); }

// A counter in global memory that lets blocks pass in order.
TESSERA_DEVICE void WaitForTurn(const int* counter, int turn) {
  int now;
  do {
    asm volatile("ld.acquire.gpu.global.b32 %0, [%1];" : "=r"(now) : "l"(counter) : "memory");
  } while (now != turn);
  asm volatile("fence.proxy.async.global;" ::: "memory");
}
TESSERA_DEVICE void EndTurn(int* counter, int turn) {
  asm volatile("fence.proxy.async.global;" ::: "memory");
  asm volatile("st.release.gpu.global.b32 [%0], %1;" ::"l"(counter), "r"(turn + 1) : "memory");
}
// The next number of a counter that starts at 0; for one thread of a block.
TESSERA_DEVICE int TakeTicket(int* counter) { return atomicAdd(counter, 1); }

}  // namespace tessera::kernels::cuda
