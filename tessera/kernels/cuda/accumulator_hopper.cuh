#pragma once
// Products and accumulators on a Hopper GPU. An accumulator's thread holds rows g and g + 8 of its warp's 16 (g = lane
// / 4), and of every 8 columns the two at 2 (lane mod 4): wgmma's own layout, which is also that of its left operand in
// registers.

#include "tessera/kernels/cuda/block_hopper.cuh"
#include "tessera/kernels/cuda/wgmma.cuh"

namespace tessera::kernels::cuda {

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
  for (int k = 16; k < K; k += 16)
    Wgmma<T, N>::template FromShared<false, false>(c.x, AlongRows(a, k), AlongRows(b, k));
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
  for (int k = 0; k < K; k += 16)
    Wgmma<T, N>::template FromShared<false, true>(c.x, AlongRows(a, k), DownColumns(b, k));
  EndProduct();
  Pin(c);
}
// C [64, N] = Aᵀ B, A [K, 64] and B [K, N].
template <int K, int N, typename T, int RA, int RB>
TESSERA_DEVICE void MulAtB(Accumulator<N>& c, Tile<T, RA> a, Tile<T, RB> b) {
  BeginProduct();
  Wgmma<T, N>::template ZeroFromShared<true, true>(c.x, DownColumns(a, 0), DownColumns(b, 0));
#pragma unroll
  for (int k = 16; k < K; k += 16)
    Wgmma<T, N>::template FromShared<true, true>(c.x, DownColumns(a, k), DownColumns(b, k));
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
  const uint32_t a = __shfl_xor_sync(0xffffffff, odd ? x[0] : x[1], 1),
                 b = __shfl_xor_sync(0xffffffff, odd ? x[2] : x[3], 1);
  (odd ? x[0] : x[1]) = a, (odd ? x[2] : x[3]) = b;
  const uint32_t c = __shfl_xor_sync(0xffffffff, upper ? x[0] : x[2], 2),
                 d = __shfl_xor_sync(0xffffffff, upper ? x[1] : x[3], 2);
  (upper ? x[0] : x[2]) = c, (upper ? x[1] : x[3]) = d;
}
// Writes rows 0 … rows - 1 of an accumulator in f32.
template <int N>
TESSERA_DEVICE void StoreFloats(float* to, int64_t stride, int rows, const Accumulator<N>& a) {
  const int row = threadIdx.x % 128 / 32 * 16 + Lane() / 4;
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    if (row + r * 8 >= rows) continue;
    float2* line = reinterpret_cast<float2*>(to + (row + r * 8) * stride) + Lane() % 4;
#pragma unroll
    for (int i = 0; i < N / 8; ++i) line[i * 4] = make_float2(a.x[i * 4 + r * 2], a.x[i * 4 + r * 2 + 1]);
  }
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

// ---- parts of sums ----
// Where the values of one of an accumulator's kPieces pieces (equal parts of its columns) lie in a row of floats, the
// same for every writer and reader: value i of thread t at (i / 4 · 128 + t) · 4 + i mod 4.
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
}  // namespace tessera::kernels::cuda
