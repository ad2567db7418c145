#pragma once
// The words of lanes.cuh on a Hopper GPU. PTX names are those of the PTX ISA manual, version 8.0 and later.

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "tessera/kernels/cuda/launch_chained.cuh"

namespace tessera::kernels::cuda {

TESSERA_LANE int ThreadOfBlock() { return static_cast<int>(threadIdx.x); }
TESSERA_LANE int BlockOfGrid() { return static_cast<int>(blockIdx.x); }
TESSERA_LANE void SyncBlockLanes() { __syncthreads(); }

TESSERA_LANE float FloatOf(uint32_t bits) { return __uint_as_float(bits); }
TESSERA_LANE float FloatOfHalf(uint16_t bits) { return __half2float(__ushort_as_half(bits)); }
TESSERA_LANE float FloatOfBF16(uint16_t bits) { return __bfloat162float(__ushort_as_bfloat16(bits)); }
TESSERA_LANE uint16_t RoundToBF16(float x) { return __bfloat16_as_ushort(__float2bfloat16_rn(x)); }
TESSERA_LANE uint32_t RoundToPair(float low, float high) {  // of bf16, in the halves of a word
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const uint32_t*>(&pair);
}
TESSERA_LANE float AddRounded(float a, float b) { return __fadd_rn(a, b); }
TESSERA_LANE float MulRounded(float a, float b) { return __fmul_rn(a, b); }
TESSERA_LANE float DivRounded(float a, float b) { return __fdiv_rn(a, b); }
TESSERA_LANE int64_t Least(int64_t a, int64_t b) { return min(a, b); }
TESSERA_LANE int Least(int a, int b) { return min(a, b); }

TESSERA_LANE float AddOfPartner(float x, int bit) { return x + __shfl_xor_sync(~0u, x, bit); }

// c += a b: a [16, 16] and b [16, 8] of bf16, c [16, 8] of f32 (mma.m16n8k16).
TESSERA_LANE void MultiplyAdd(float (&c)[4], uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3, uint32_t b0,
                              uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

// 16 bytes that are read once: they leave the L1 cache to x and the scales. Volatile and of ordinary memory: loads of
// constant memory (ld.global.nc) are moved behind a wait for the predecessor, and these must be on their way before it.
TESSERA_LANE uint4 LoadStreaming(const unsigned char* at) {
  uint4 v;
  asm volatile("ld.global.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(at));
  return v;
}

// kWords words of scales, which neighbouring groups' readers find in the L1 cache.
template <int kWords>
TESSERA_LANE void LoadScales(const unsigned char* at, uint32_t (&words)[kWords]) {
  if constexpr (kWords == 1) {
    asm volatile("ld.global.u32 %0, [%1];" : "=r"(words[0]) : "l"(at));
  } else if constexpr (kWords == 2) {
    asm volatile("ld.global.v2.u32 {%0, %1}, [%2];" : "=r"(words[0]), "=r"(words[1]) : "l"(at));
  } else {
    asm volatile("ld.global.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "l"(at));
  }
}

// An address that the compiler keeps, instead of adding up its terms at every load anew.
TESSERA_LANE void KeepAddress(const unsigned char*& at) { asm("" : "+l"(at)); }

// Pairs of bf16, subtracted.
TESSERA_LANE uint32_t SubtractPairs(uint32_t a, uint32_t b) {
  uint32_t difference;
  asm("sub.rn.bf16x2 %0, %1, %2;" : "=r"(difference) : "r"(a), "r"(b));
  return difference;
}

// bits & mask | exponent, in one instruction: the compiler's own choice is two, with a constant in each.
TESSERA_LANE uint32_t UnderExponent(uint32_t bits, uint32_t mask) {
  uint32_t number;
  asm("lop3.b32 %0, %1, %2, %3, 0xea;" : "=r"(number) : "r"(bits), "r"(mask), "r"(0x43004300u));
  return number;
}

// Four of the eight bytes of `word` and zero, by the digits of `selector`.
TESSERA_LANE uint32_t PermuteBytes(uint32_t word, uint32_t selector) { return __byte_perm(word, 0, selector); }

}  // namespace tessera::kernels::cuda
