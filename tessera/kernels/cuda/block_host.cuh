#pragma once
// The vocabulary on the host, for tests: every agent of a block is one thread, a product is computed at once, and
// barriers block. So a test of a kernel's text here tests its mathematics, its indices, that its barriers let everyone
// through, and, under the thread sanitizer, that they order every access. block_hopper.cuh says what the words mean.

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "tessera/core/dtype.h"

namespace tessera::kernels::cuda {

// ---- agents ----
// The four warps of warpgroup 0 and the computing warpgroups 1 … `consumers`.
struct HostBlock {
  explicit HostBlock(int count) : all(kWarps + count), consumers(count) {}
  static constexpr int kWarps = 4;
  std::barrier<> all, consumers;
};
struct HostAgent {
  HostBlock* block = nullptr;
  int warpgroup = 0, warp = 0;
  static HostAgent& Current() {
    thread_local HostAgent agent;
    return agent;
  }
};
// Runs body() as each agent of a block.
inline void RunBlock(int consumers, const std::function<void()>& body) {
  HostBlock block(consumers);
  std::vector<std::jthread> agents;
  for (int i = 0; i < HostBlock::kWarps + consumers; ++i)
    agents.emplace_back([&block, &body, i] {
      const bool producer = i < HostBlock::kWarps;
      HostAgent::Current() = {&block, producer ? 0 : i - HostBlock::kWarps + 1, producer ? i : 0};
      body();
    });
}
[[noreturn]] inline void Deadlock(const char* where) {
  std::fprintf(stderr, "%s: nobody comes; the kernel would hang here\n", where);
  std::abort();
}

inline int Warpgroup() { return HostAgent::Current().warpgroup; }
inline int WarpOfGroup() { return HostAgent::Current().warp; }
inline int Lane() { return 0; }
inline constexpr int kLanes = 1;
inline constexpr int kGroupThreads = 1;
inline int GroupThread() { return 0; }
inline bool FirstThread() { return Warpgroup() == 0 && WarpOfGroup() == 0; }
inline void SyncBlock() { HostAgent::Current().block->all.arrive_and_wait(); }
inline void SyncGroup() {}
template <int kConsumers>
void SyncConsumers() {
  HostAgent::Current().block->consumers.arrive_and_wait();
}
template <int kRegisters>
void GiveRegisters() {}
template <int kRegisters>
void TakeRegisters() {}
template <int kConsumers>
struct Turns {
  int consumer;
  void Begin() const {}
  void Take() const {}
  void Pass() const {}
};

// ---- barriers ----
class Barrier {
 public:
  void Init(int arrivals) { arrivals_ = pending_ = arrivals; }
  void Expect(int bytes) { Change(1, bytes); }
  void Arrive() { Change(1, 0); }
  void ArriveWarp() { Change(1, 0); }
  void ArriveGroup() { Change(1, 0); }
  static constexpr int kGroupArrivals = 1;
  void Wait(uint32_t phase) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(60), [&] { return phase_ != phase; })) Deadlock("Barrier::Wait");
  }

 private:
  friend class TileMap;
  void Change(int arrivals, int bytes) {
    const std::lock_guard lock(mutex_);
    pending_ -= arrivals, bytes_ += bytes;
    if (pending_ == 0 && bytes_ == 0) phase_ ^= 1, pending_ = arrivals_, changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  int arrivals_ = 0, pending_ = 0, bytes_ = 0;
  uint32_t phase_ = 0;
};
inline void FenceAsync() {}

template <typename T>
float ToFloat(T x) {
  return static_cast<float>(x);
}
template <typename T>
T FromFloat(float x) {
  return T(x);
}
inline float WarpSum(float x) { return x; }
inline float WarpMax(float x) { return x; }
inline float Broadcast(float x, int) { return x; }

// ---- shared matrices ----
// Here without the swizzle: value (r, c) is at c / 64 · kRows · 64 + r · 64 + c mod 64.
template <typename T, int kRows>
struct Tile {
  T* values;
  Tile Row(int row) const { return {values + row * 64}; }
  Tile Column(int col) const { return {values + col / 64 * kRows * 64}; }
  T& operator()(int row, int col) const { return values[col / 64 * kRows * 64 + row * 64 + col % 64]; }
};

template <typename T, int kRows, int kCols>
struct SharedMatrix {
  static constexpr int kBytes = kRows * kCols * static_cast<int>(sizeof(T));
  T values[kRows * kCols];
  cuda::Tile<T, kRows> Tile() { return {values}; }
  void ZeroRows(int begin, int agent, int agents) {
    for (int row = begin + agent; row < kRows; row += agents)
      for (int c = 0; c < kCols; ++c) Tile()(row, c) = T{};
  }
};

template <typename T, int kRows, int kCols, typename From>
void LoadRows(SharedMatrix<T, kRows, kCols>& to, int rows, From from) {
  for (int row = 0; row < rows; ++row)
    for (int c = 0; c < kCols; ++c) to.Tile()(row, c) = from(row)[c];
}

template <typename T, int kRows>
struct SharedMatrix<T, kRows, 0> {};

// A [rows, heads, head_dim] tensor.
class TileMap {
 public:
  const void* base = nullptr;
  int64_t rows = 0, heads = 0;

  template <typename T, int kRows, int kCols>
  void Load(SharedMatrix<T, kRows, kCols>& to, int row, int head, Barrier& full) const {
    for (int r = 0; r < kRows; ++r)
      for (int c = 0; c < kCols; ++c)
        to.Tile()(r, c) =
            row + r < 0 || row + r >= rows ? T{} : static_cast<const T*>(base)[((row + r) * heads + head) * kCols + c];
    full.Change(0, -to.kBytes);
  }
};

// ---- products ----
template <int N>
struct Accumulator {
  float x[64 * N];
  float& operator()(int row, int col) { return x[row * N + col]; }
  float operator()(int row, int col) const { return x[row * N + col]; }
};
template <typename T, int K>
struct Fragment {
  T x[64 * K];
};
// C [64, N] += Σ_k a(row, k) b(k, col).
template <int K, int N, typename A, typename B>
void Multiply(Accumulator<N>& c, A a, B b) {
  std::vector<float> right(static_cast<size_t>(K) * N);
  for (int k = 0; k < K; ++k)
    for (int j = 0; j < N; ++j) right[static_cast<size_t>(k * N + j)] = static_cast<float>(b(k, j));
  for (int i = 0; i < 64; ++i) {
    for (int k = 0; k < K; ++k) {
      const float left = static_cast<float>(a(i, k));
      for (int j = 0; j < N; ++j) c.x[i * N + j] += left * right[static_cast<size_t>(k * N + j)];
    }
  }
}
template <int K, int N, typename T, int RA, int RB>
void MulABt(Accumulator<N>& c, Tile<T, RA> a, Tile<T, RB> b) {
  std::fill_n(c.x, 64 * N, 0.0f);
  Multiply<K>(
      c, [&](int i, int k) { return a(i, k); }, [&](int k, int j) { return b(j, k); });
}
template <int K, int N, typename T, int RB>
void AddAB(Accumulator<N>& c, Fragment<T, K>& a, Tile<T, RB> b) {
  Multiply<K>(
      c, [&](int i, int k) { return a.x[i * K + k]; }, b);
}
template <int K, int N, typename T, int RA, int RB>
void AddAB(Accumulator<N>& c, Tile<T, RA> a, Tile<T, RB> b) {
  Multiply<K>(c, a, b);
}
template <int K, int N, typename T, int RA, int RB>
void MulAtB(Accumulator<N>& c, Tile<T, RA> a, Tile<T, RB> b) {
  std::fill_n(c.x, 64 * N, 0.0f);
  Multiply<K>(
      c, [&](int i, int k) { return a(k, i); }, b);
}
template <int kInFlight, int... N>
void WaitProducts(Accumulator<N>&...) {}

// ---- values of accumulators ----
struct Rows {
  float x[64];
};
inline Rows AllRows(float value) {
  Rows rows;
  std::fill_n(rows.x, 64, value);
  return rows;
}
template <int N, typename F>
void ForEach(Accumulator<N>& a, F f) {
  for (int i = 0; i < 64 * N; ++i) f(i / N, i % N, a.x[i]);
}
template <typename F, typename... R>
void ForEachRow(F f, R&... rows) {
  for (int i = 0; i < 64; ++i) f(i, rows.x[i]...);
}
inline bool OwnsRow() { return true; }
inline float Exp2(float x) { return std::exp2(x); }
inline int Min(int a, int b) { return std::min(a, b); }
inline int Max(int a, int b) { return std::max(a, b); }

template <int N>
void MaxRows(Rows& m, const Accumulator<N>& a) {
  for (int i = 0; i < 64 * N; ++i) m.x[i / N] = std::fmax(m.x[i / N], a.x[i]);
}
template <int N>
void AddRows(Rows& l, const Accumulator<N>& a) {
  for (int i = 0; i < 64 * N; ++i) l.x[i / N] += a.x[i];
}
inline void CompleteSum(Rows&) {}
template <int N>
void Exp2Rows(Accumulator<N>& a, float scale, const Rows& shift) {
  for (int i = 0; i < 64 * N; ++i) a.x[i] = Exp2(std::fma(a.x[i], scale, -shift.x[i / N]));
}
template <int N>
void ScaleRows(Accumulator<N>& a, const Rows& by) {
  for (int i = 0; i < 64 * N; ++i) a.x[i] *= by.x[i / N];
}
template <int N>
void Fill(Accumulator<N>& a, float value) {
  std::fill_n(a.x, 64 * N, value);
}
template <int N>
void Exp2Columns(Accumulator<N>& a, float scale, const float* shift) {
  for (int i = 0; i < 64 * N; ++i) a.x[i] = Exp2(std::fma(a.x[i], scale, -shift[i % N]));
}
template <int N>
void MulMinusColumns(Accumulator<N>& a, const Accumulator<N>& p, const float* minus) {
  for (int i = 0; i < 64 * N; ++i) a.x[i] = p.x[i] * (a.x[i] - minus[i % N]);
}
template <typename T, int N>
void Round(Fragment<T, N>& to, const Accumulator<N>& a) {
  for (int i = 0; i < 64 * N; ++i) to.x[i] = T(a.x[i]);
}
template <typename T, int N, int kRows, int kCols>
void Store(SharedMatrix<T, kRows, kCols>& to, int row, int col, const Fragment<T, N>& a) {
  for (int i = 0; i < 64 * N; ++i) to.Tile()(row + i / N, col + i % N) = a.x[i];
}
template <typename T, int N>
void StoreRows(T* to, int64_t stride, int rows, const Accumulator<N>& a) {
  for (int r = 0; r < std::min(rows, 64); ++r)
    for (int c = 0; c < N; ++c) to[r * stride + c] = T(a(r, c));
}

template <int N>
void StoreFloats(float* to, int64_t stride, int rows, const Accumulator<N>& a) {
  for (int r = 0; r < std::min(rows, 64); ++r)
    for (int c = 0; c < N; ++c) to[r * stride + c] = a(r, c);
}

// ---- sums in global memory, in a fixed order ----
template <int kPieces, int N>
void StoreScattered(float* shared, const Accumulator<N>& a, int piece) {
  std::copy_n(a.x + piece * (64 * N / kPieces), 64 * N / kPieces, shared);
}
template <int kPieces, int N>
void LoadScattered(Accumulator<N>& a, const float* global, int piece) {
  std::copy_n(global, 64 * N / kPieces, a.x + piece * (64 * N / kPieces));
}
inline void BulkStore(float* global, const float* shared, int bytes) {
  std::memcpy(global, shared, static_cast<size_t>(bytes));
}
inline void BulkAdd(float* global, const float* shared, int bytes) {
  for (int i = 0; i < bytes / 4; ++i) global[i] += shared[i];
}
inline void CommitBulk() {}
inline void WaitBulkRead() {}
inline void WaitBulk() {}

// Blocks run one after another here, so whoever must come first has already been.
inline void WaitForTurn(const int* counter, int turn) {
  if (*counter != turn) Deadlock("WaitForTurn");
}
inline void EndTurn(int* counter, int turn) { *counter = turn + 1; }
inline int TakeTicket(int* counter) { return (*counter)++; }

}  // namespace tessera::kernels::cuda
