#pragma once
// The vocabulary on a Hopper GPU (compute capability 9.0a). Tensor cores, the copy engine and barriers live here and
// nowhere else. PTX names are those of the PTX ISA manual, version 8.0 and later.
//
// Shared matrices use the 128-byte swizzle: row r of a column group is 128 bytes at r · 128, and its 16-byte chunk c
// lies at chunk c ^ (r mod 8). An accumulator's thread holds rows g and g + 8 of its warp's 16 (g = lane / 4), and of
// every 8 columns the two at 2 (lane mod 4).

#include <cuda.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

#include "tessera/core/dtype.h"
#include "tessera/kernels/cuda/wgmma.cuh"

namespace tessera::kernels::cuda {

// ---- agents ----
TESSERA_DEVICE int Warpgroup() { return __shfl_sync(0xffffffff, threadIdx.x / 128, 0); }
TESSERA_DEVICE int WarpOfGroup() { return __shfl_sync(0xffffffff, threadIdx.x / 32 % 4, 0); }
TESSERA_DEVICE int Lane() { return threadIdx.x % 32; }
inline constexpr int kLanes = 32;         // of a producer's warp
inline constexpr int kGroupThreads = 128;  // of a warpgroup
TESSERA_DEVICE int GroupThread() { return threadIdx.x % 128; }
TESSERA_DEVICE bool FirstThread() { return threadIdx.x == 0; }
TESSERA_DEVICE void SyncBlock() { __syncthreads(); }
TESSERA_DEVICE void SyncWarp() { __syncwarp(); }
TESSERA_DEVICE void SyncGroup() { asm volatile("bar.sync %0, 128;" ::"r"(8 + static_cast<int>(threadIdx.x) / 128) : "memory"); }
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
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(SharedAddress(&state_)), "r"(bytes) : "memory");
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
// The sum over a warp's lanes, in all of them.
TESSERA_DEVICE float WarpSum(float x) {
#pragma unroll
  for (int lane = 16; lane > 0; lane /= 2) x += __shfl_xor_sync(0xffffffff, x, lane);
  return x;
}

// ---- shared matrices ----
template <typename T, int kRows>
struct Tile {
  uint32_t address;
  static constexpr uint32_t kGroupBytes = kRows * 128;

  TESSERA_DEVICE Tile Row(int row) const { return {address + row * 128}; }            // row a multiple of 8
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
        "cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, %6}], [%2];" ::"r"(
            SharedAddress(to.values)),
        "l"(reinterpret_cast<uint64_t>(&map)), "r"(AddressOf(full)), "r"(0), "r"(row), "r"(0), "r"(head)
        : "memory");
  }
};

// ---- products ----
template <int N>
struct Accumulator {
  float x[N / 2];
};
template <typename T, int K>
struct Fragment {
  uint32_t x[K / 4];
};

// Matrix descriptors (PTX ISA, "Matrix Descriptor Format"): address, leading and stride byte offsets in units of 16
// bytes, 128-byte swizzle in bits 62-63. Along rows (K contiguous): 8 rows are 1024 bytes apart, k + 16 is 32 bytes on.
// Down columns (M or N contiguous): column groups are `kGroupBytes` apart, 8 steps of k 1024 bytes, k + 16 is 2048.
TESSERA_DEVICE uint64_t Descriptor(uint32_t address, uint32_t leading_bytes) {
  return (uint64_t{1} << 62) | (uint64_t{1024 >> 4} << 32) | (static_cast<uint64_t>(leading_bytes >> 4) << 16) |
         ((address & 0x3ffff) >> 4);
}
template <typename T, int kRows>
TESSERA_DEVICE uint64_t AlongRows(Tile<T, kRows> a, int k) {
  return Descriptor(a.address + k / 64 * Tile<T, kRows>::kGroupBytes + k % 64 * 2, 16);
}
template <typename T, int kRows>
TESSERA_DEVICE uint64_t DownColumns(Tile<T, kRows> a, int k) {
  return Descriptor(a.address + k * 128, Tile<T, kRows>::kGroupBytes);
}

// Keeps the compiler from moving uses of an accumulator across the point.
template <int N>
TESSERA_DEVICE void Pin(Accumulator<N>& a) {
#pragma unroll
  for (int i = 0; i < N / 2; ++i) asm volatile("" : "+f"(a.x[i])::"memory");
}
template <typename T, int K>
TESSERA_DEVICE void Pin(Fragment<T, K>& a) {
#pragma unroll
  for (int i = 0; i < K / 4; ++i) asm volatile("" : "+r"(a.x[i])::"memory");
}
TESSERA_DEVICE void BeginProduct() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
TESSERA_DEVICE void EndProduct() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

// The products below add to C; those that begin with C = 0 do not read its registers, so nobody needs to have cleared
// them, and they may start while earlier products still run.

// C [64, N] = A Bᵀ, A [64, K], B [N, K].
template <int K, int N, typename T, int RA, int RB>
TESSERA_DEVICE void MulABt(Accumulator<N>& c, Tile<T, RA> a, Tile<T, RB> b) {
  BeginProduct();
  Wgmma<T, N>::template ZeroFromShared<false, false>(c.x, AlongRows(a, 0), AlongRows(b, 0));
#pragma unroll
  for (int k = 16; k < K; k += 16) Wgmma<T, N>::template FromShared<false, false>(c.x, AlongRows(a, k), AlongRows(b, k));
  EndProduct();
  Pin(c);
}
// C [64, N] += A B, A [64, K] in registers, B [K, N].
template <int K, int N, typename T, int RB>
TESSERA_DEVICE void AddAB(Accumulator<N>& c, Fragment<T, K>& a, Tile<T, RB> b) {
  Pin(c), Pin(a);
  BeginProduct();
#pragma unroll
  for (int k = 0; k < K; k += 16) Wgmma<T, N>::template FromRegisters<true>(c.x, a.x + k / 4, DownColumns(b, k));
  EndProduct();
  Pin(c), Pin(a);
}
// C [64, N] += A B, A [64, K] and B [K, N] in shared memory.
template <int K, int N, typename T, int RA, int RB>
TESSERA_DEVICE void AddAB(Accumulator<N>& c, Tile<T, RA> a, Tile<T, RB> b) {
  Pin(c);
  BeginProduct();
#pragma unroll
  for (int k = 0; k < K; k += 16) Wgmma<T, N>::template FromShared<false, true>(c.x, AlongRows(a, k), DownColumns(b, k));
  EndProduct();
  Pin(c);
}
// C [64, N] = Aᵀ B, A [K, 64] and B [K, N].
template <int K, int N, typename T, int RA, int RB>
TESSERA_DEVICE void MulAtB(Accumulator<N>& c, Tile<T, RA> a, Tile<T, RB> b) {
  BeginProduct();
  Wgmma<T, N>::template ZeroFromShared<true, true>(c.x, DownColumns(a, 0), DownColumns(b, 0));
#pragma unroll
  for (int k = 16; k < K; k += 16) Wgmma<T, N>::template FromShared<true, true>(c.x, DownColumns(a, k), DownColumns(b, k));
  EndProduct();
  Pin(c);
}
// Waits until at most kInFlight of the latest product groups still run; the accumulators named are then readable.
template <int kInFlight, int... N>
TESSERA_DEVICE void WaitProducts(Accumulator<N>&... done) {
  (Pin(done), ...);
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kInFlight) : "memory");
  (Pin(done), ...);
}

// ---- values of accumulators ----
struct Rows {
  float x[2];
};
TESSERA_DEVICE Rows AllRows(float value) { return {{value, value}}; }

// f(row, col, value&) for every value.
template <int N, typename F>
TESSERA_DEVICE void ForEach(Accumulator<N>& a, F f) {
  const int row = threadIdx.x % 128 / 32 * 16 + Lane() / 4, col = Lane() % 4 * 2;
#pragma unroll
  for (int i = 0; i < N / 2; ++i) f(row + i / 2 % 2 * 8, col + i / 4 * 8 + i % 2, a.x[i]);
}
// f(row, value of each argument) for every row; each row is seen by the four threads that share it.
template <typename F, typename... R>
TESSERA_DEVICE void ForEachRow(F f, R&... rows) {
  const int row = threadIdx.x % 128 / 32 * 16 + Lane() / 4;
#pragma unroll
  for (int i = 0; i < 2; ++i) f(row + i * 8, rows.x[i]...);
}
// True in one of the threads that share a row.
TESSERA_DEVICE bool OwnsRow() { return Lane() % 4 == 0; }

TESSERA_DEVICE float Exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
TESSERA_DEVICE int Min(int a, int b) { return min(a, b); }
TESSERA_DEVICE int Max(int a, int b) { return max(a, b); }

// max of m and the row's values
template <int N>
TESSERA_DEVICE void MaxRows(Rows& m, const Accumulator<N>& a) {
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    float most = m.x[r];
#pragma unroll
    for (int i = 0; i < N / 4; ++i) most = fmaxf(most, a.x[i / 2 * 4 + r * 2 + i % 2]);
    most = fmaxf(most, __shfl_xor_sync(0xffffffff, most, 1));
    m.x[r] = fmaxf(most, __shfl_xor_sync(0xffffffff, most, 2));
  }
}
// l += the row's values; each thread sums its own columns until CompleteSum adds the four threads' sums.
template <int N>
TESSERA_DEVICE void AddRows(Rows& l, const Accumulator<N>& a) {
#pragma unroll
  for (int r = 0; r < 2; ++r)
#pragma unroll
    for (int i = 0; i < N / 4; ++i) l.x[r] += a.x[i / 2 * 4 + r * 2 + i % 2];
}
TESSERA_DEVICE void CompleteSum(Rows& l) {
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    l.x[r] += __shfl_xor_sync(0xffffffff, l.x[r], 1);
    l.x[r] += __shfl_xor_sync(0xffffffff, l.x[r], 2);
  }
}
// a = 2^(scale · a − shift[row])
template <int N>
TESSERA_DEVICE void Exp2Rows(Accumulator<N>& a, float scale, const Rows& shift) {
#pragma unroll
  for (int i = 0; i < N / 2; ++i) a.x[i] = Exp2(fmaf(a.x[i], scale, -shift.x[i / 2 % 2]));
}
template <int N>
TESSERA_DEVICE void ScaleRows(Accumulator<N>& a, const Rows& by) {
#pragma unroll
  for (int i = 0; i < N / 2; ++i) a.x[i] *= by.x[i / 2 % 2];
}
template <int N>
TESSERA_DEVICE void Fill(Accumulator<N>& a, float value) {
#pragma unroll
  for (int i = 0; i < N / 2; ++i) a.x[i] = value;
}

// a = 2^(scale · a − shift[column]), `shift` an array in shared memory
template <int N>
TESSERA_DEVICE void Exp2Columns(Accumulator<N>& a, float scale, const float* shift) {
#pragma unroll
  for (int i = 0; i < N / 8; ++i) {
    const float2 two = *reinterpret_cast<const float2*>(shift + i * 8 + Lane() % 4 * 2);
#pragma unroll
    for (int j = 0; j < 4; ++j) a.x[i * 4 + j] = Exp2(fmaf(a.x[i * 4 + j], scale, j % 2 ? -two.y : -two.x));
  }
}
// a = p ∘ (a − minus[column]), `minus` an array in shared memory
template <int N>
TESSERA_DEVICE void MulMinusColumns(Accumulator<N>& a, const Accumulator<N>& p, const float* minus) {
#pragma unroll
  for (int i = 0; i < N / 8; ++i) {
    const float2 two = *reinterpret_cast<const float2*>(minus + i * 8 + Lane() % 4 * 2);
#pragma unroll
    for (int j = 0; j < 4; ++j) a.x[i * 4 + j] = p.x[i * 4 + j] * (a.x[i * 4 + j] - (j % 2 ? two.y : two.x));
  }
}

TESSERA_DEVICE uint32_t Pack(BFloat16, float low, float high) {
  const __nv_bfloat162 two = __floats2bfloat162_rn(low, high);
  return reinterpret_cast<const uint32_t&>(two);
}
TESSERA_DEVICE uint32_t Pack(Float16, float low, float high) {
  const __half2 two = __floats2half2_rn(low, high);
  return reinterpret_cast<const uint32_t&>(two);
}
// Rounds to T. An accumulator's layout is that of the next product's left operand: no value changes its thread.
template <typename T, int N>
TESSERA_DEVICE void Round(Fragment<T, N>& to, const Accumulator<N>& a) {
#pragma unroll
  for (int i = 0; i < N / 4; ++i) to.x[i] = Pack(T{}, a.x[i * 2], a.x[i * 2 + 1]);
}
// Writes a fragment to rows row … row + 63, columns col … of a shared matrix. FenceAsync before a product reads it.
template <typename T, int N, int kRows, int kCols>
TESSERA_DEVICE void Store(SharedMatrix<T, kRows, kCols>& to, int row, int col, const Fragment<T, N>& a) {
  const int g = Lane() / 4, r = row + threadIdx.x % 128 / 32 * 16 + g;
  char* base = reinterpret_cast<char*>(to.values);
#pragma unroll
  for (int i = 0; i < N / 4; ++i) {
    const int c = col + i / 2 * 8, chunk = c % 64 / 8;  // 16-byte chunk of the 128-byte row
    const int at = c / 64 * kRows * 128 + (r + i % 2 * 8) * 128 + ((chunk ^ (r % 8)) * 16) + Lane() % 4 * 4;
    *reinterpret_cast<uint32_t*>(base + at) = a.x[i];
  }
}
// Transposes 4 × 4 words between the four threads that share a row: thread j gets word j of each.
TESSERA_DEVICE void TransposeQuad(uint32_t (&x)[4]) {
  const bool odd = threadIdx.x & 1, upper = threadIdx.x & 2;
  const uint32_t a = __shfl_xor_sync(0xffffffff, odd ? x[0] : x[1], 1), b = __shfl_xor_sync(0xffffffff, odd ? x[2] : x[3], 1);
  (odd ? x[0] : x[1]) = a, (odd ? x[2] : x[3]) = b;
  const uint32_t c = __shfl_xor_sync(0xffffffff, upper ? x[0] : x[2], 2), d = __shfl_xor_sync(0xffffffff, upper ? x[1] : x[3], 2);
  (upper ? x[0] : x[2]) = c, (upper ? x[1] : x[3]) = d;
}
// Writes rows 0 … rows - 1 of an accumulator, rounded to T, to global rows `stride` values apart, 16 bytes a thread.
template <typename T, int N>
TESSERA_DEVICE void StoreRows(T* to, int64_t stride, int rows, const Accumulator<N>& a) {
  const int row = threadIdx.x % 128 / 32 * 16 + Lane() / 4;
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    uint4* line = reinterpret_cast<uint4*>(to + (row + r * 8) * stride) + Lane() % 4;
#pragma unroll
    for (int i = 0; i < N / 8; i += 4) {
      uint32_t x[4];
#pragma unroll
      for (int j = 0; j < 4; ++j) x[j] = Pack(T{}, a.x[(i + j) * 4 + r * 2], a.x[(i + j) * 4 + r * 2 + 1]);
      TransposeQuad(x);
      if (row + r * 8 < rows) line[i] = make_uint4(x[0], x[1], x[2], x[3]);
    }
  }
}

// ---- sums in global memory, in a fixed order ----
// Where the values of one of an accumulator's kPieces pieces (equal parts of its columns) lie in a row of floats, the same
// for every writer and reader: value i of thread t at (i / 4 · 128 + t) · 4 + i mod 4.
template <int kPieces, int N>
TESSERA_DEVICE void StoreScattered(float* shared, const Accumulator<N>& a, int piece) {
#pragma unroll
  for (int i = 0; i < N / 8 / kPieces; ++i) {
    const float* x = a.x + (piece * (N / 8 / kPieces) + i) * 4;
    reinterpret_cast<float4*>(shared)[i * 128 + GroupThread()] = make_float4(x[0], x[1], x[2], x[3]);
  }
}
template <int kPieces, int N>
TESSERA_DEVICE void LoadScattered(Accumulator<N>& a, const float* global, int piece) {
#pragma unroll
  for (int i = 0; i < N / 8 / kPieces; ++i) {
    const float4 v = reinterpret_cast<const float4*>(global)[i * 128 + GroupThread()];
    float* x = a.x + (piece * (N / 8 / kPieces) + i) * 4;
    x[0] = v.x, x[1] = v.y, x[2] = v.z, x[3] = v.w;
  }
}
// Copies `bytes` of shared memory over, or adds their floats to, global memory. By one thread.
TESSERA_DEVICE void BulkStore(float* global, const float* shared, int bytes) {
  asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2;" ::"l"(global), "r"(SharedAddress(shared)), "r"(bytes)
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
