#pragma once
// The words of lanes.cuh on the host, for tests: every lane of a block is a thread. lanes_hopper.cuh says what the
// words mean.

#include <algorithm>
#include <array>
#include <barrier>
#include <bit>
#include <cmath>
#include <cstring>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

namespace tessera::kernels::cuda {

struct uint4 {
  uint32_t x, y, z, w;
};
struct float4 {
  float x, y, z, w;
};
inline uint4 make_uint4(uint32_t x, uint32_t y, uint32_t z, uint32_t w) { return {x, y, z, w}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

// What the lanes of a warp hand each other.
struct HostWarp {
  std::barrier<> all{32};
  std::array<std::array<uint32_t, 6>, 32> words{};
};
struct HostLanes {
  std::barrier<> all;
  std::deque<HostWarp> warps;
  explicit HostLanes(int threads) : all(threads), warps(static_cast<size_t>(threads / 32)) {}
};
struct HostLane {
  HostLanes* block = nullptr;
  int thread = 0, block_of_grid = 0;
  static HostLane& Current() {
    thread_local HostLane lane;
    return lane;
  }
  HostWarp& warp() const { return block->warps[static_cast<size_t>(thread / 32)]; }
};
// Runs body() as each lane of each block.
inline void RunLanes(int blocks, int threads, const std::function<void()>& body) {
  for (int index = 0; index < blocks; ++index) {
    HostLanes block(threads);
    std::vector<std::jthread> lanes;
    for (int i = 0; i < threads; ++i)
      lanes.emplace_back([&block, &body, i, index] {
        HostLane::Current() = {&block, i, index};
        body();
      });
  }
}

inline int ThreadOfBlock() { return HostLane::Current().thread; }
inline int BlockOfGrid() { return HostLane::Current().block_of_grid; }
inline void SyncBlockLanes() { HostLane::Current().block->all.arrive_and_wait(); }
inline void WaitForPredecessor() {}
inline void LetSuccessorStart() {}

inline float FloatOf(uint32_t bits) { return std::bit_cast<float>(bits); }
inline float FloatOfHalf(uint16_t bits) { return static_cast<float>(std::bit_cast<Float16>(bits)); }
inline float FloatOfBF16(uint16_t bits) { return static_cast<float>(std::bit_cast<BFloat16>(bits)); }
inline uint16_t RoundToBF16(float x) { return std::bit_cast<uint16_t>(BFloat16(x)); }
inline uint32_t RoundToPair(float low, float high) { return RoundToBF16(low) | uint32_t{RoundToBF16(high)} << 16; }
inline float AddRounded(float a, float b) { return a + b; }
inline float MulRounded(float a, float b) { return a * b; }
inline float DivRounded(float a, float b) { return a / b; }
inline int64_t Least(int64_t a, int64_t b) { return std::min(a, b); }
inline int Least(int a, int b) { return std::min(a, b); }

inline float AddOfPartner(float x, int bit) {
  HostWarp& warp = HostLane::Current().warp();
  const auto lane = static_cast<size_t>(HostLane::Current().thread % 32);
  warp.words[lane][0] = std::bit_cast<uint32_t>(x);
  warp.all.arrive_and_wait();
  const float other = FloatOf(warp.words[lane ^ static_cast<size_t>(bit)][0]);
  warp.all.arrive_and_wait();
  return x + other;
}

// PTX ISA, "Matrix Fragments for mma.m16n8k16": lane 4g + t holds of a rows g and g + 8 at k = 2t, 2t + 1 and 8 more,
// of b column g there, of c rows g and g + 8 in columns 2t and 2t + 1.
inline void MultiplyAdd(float (&c)[4], uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3, uint32_t b0, uint32_t b1) {
  HostWarp& warp = HostLane::Current().warp();
  const int lane = HostLane::Current().thread % 32;
  warp.words[static_cast<size_t>(lane)] = {a0, a1, a2, a3, b0, b1};
  warp.all.arrive_and_wait();
  const auto value = [&](int holder, int word, int k) {
    const uint32_t pair = warp.words[static_cast<size_t>(holder)][static_cast<size_t>(word)];
    return static_cast<double>(FloatOfBF16(static_cast<uint16_t>(k % 2 == 0 ? pair & 0xffffu : pair >> 16)));
  };
  for (int i = 0; i < 4; ++i) {
    const int row = lane / 4 + (i >= 2 ? 8 : 0), column = lane % 4 * 2 + i % 2;
    double sum = static_cast<double>(c[i]);
    for (int k = 0; k < 16; ++k)
      sum += value(row % 8 * 4 + k % 8 / 2, (row >= 8 ? 1 : 0) + (k >= 8 ? 2 : 0), k) *
             value(column * 4 + k % 8 / 2, 4 + (k >= 8 ? 1 : 0), k);
    c[i] = static_cast<float>(sum);
  }
  warp.all.arrive_and_wait();
}

inline uint4 LoadStreaming(const unsigned char* at) {
  uint4 v;
  std::memcpy(&v, at, sizeof(v));
  return v;
}
template <int kWords>
void LoadScales(const unsigned char* at, uint32_t (&words)[kWords]) {
  std::memcpy(words, at, sizeof(words));
}
inline void KeepAddress(const unsigned char*&) {}

inline uint32_t SubtractPairs(uint32_t a, uint32_t b) {
  const auto half = [&](int shift) {
    const float difference =
        FloatOfBF16(static_cast<uint16_t>(a >> shift)) - FloatOfBF16(static_cast<uint16_t>(b >> shift));
    return uint32_t{RoundToBF16(difference)} << shift;
  };
  return half(0) | half(16);
}
inline uint32_t UnderExponent(uint32_t bits, uint32_t mask) { return (bits & mask) | 0x43004300u; }
inline uint32_t PermuteBytes(uint32_t word, uint32_t selector) {
  uint32_t result = 0;
  for (int i = 0; i < 4; ++i) {
    const uint32_t digit = selector >> (4 * i) & 7;
    result |= (digit < 4 ? word >> (8 * digit) & 0xff : 0) << (8 * i);
  }
  return result;
}

}  // namespace tessera::kernels::cuda
