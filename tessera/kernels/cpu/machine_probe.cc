#include "tessera/kernels/machine_probe.h"

#include <hwy/base.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <vector>

#include "tessera/core/isa.h"
#include "tessera/core/storage.h"
#include "tessera/core/thread_pool.h"
#include "tessera/kernels/cpu/stream_ahead.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tessera::kernels {
namespace {

constexpr int64_t kSteps = int64_t{1} << 19;         // a loop of about 2 ms
constexpr int kRuns = 40;                            // the best of them counts: others are held up by something
constexpr int64_t kProbeWords = int64_t{256} << 17;  // of 8 bytes: 256 MiB

double Seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// A loop and the operations that one call does. Its result depends on all the work, so none of it can be left out.
struct PeakLoop {
  double (*run)() = nullptr;
  double operations = 0;
};

double PortableLoop() {
  float sums[16] = {};
  for (int64_t i = 0; i < kSteps; ++i) {
    for (float& sum : sums) sum = sum * 0.5f + 1.0f;
  }
  double total = 0;
  for (const float sum : sums) total += sum;
  return total;
}

#if defined(__x86_64__)

// Twelve chains hide the latency of a multiply-add on any processor, and fit AVX2's sixteen registers.
constexpr int kChains = 12;

HWY_PUSH_ATTRIBUTES("avx2,fma")
double Avx2Loop() {
  __m256 sums[kChains];
  for (__m256& sum : sums) sum = _mm256_setzero_ps();
  const __m256 half = _mm256_set1_ps(0.5f), one = _mm256_set1_ps(1.0f);
  for (int64_t i = 0; i < kSteps; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) sums[c] = _mm256_fmadd_ps(sums[c], half, one);
  }
  for (int c = 1; c < kChains; ++c) sums[0] = _mm256_add_ps(sums[0], sums[c]);
  return static_cast<double>(_mm256_cvtss_f32(sums[0]));
}
HWY_POP_ATTRIBUTES

HWY_PUSH_ATTRIBUTES("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq")
double Avx512Loop() {
  __m512 sums[kChains];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  const __m512 half = _mm512_set1_ps(0.5f), one = _mm512_set1_ps(1.0f);
  for (int64_t i = 0; i < kSteps; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) sums[c] = _mm512_fmadd_ps(sums[c], half, one);
  }
  for (int c = 1; c < kChains; ++c) sums[0] = _mm512_add_ps(sums[0], sums[c]);
  float first;
  std::memcpy(&first, &sums[0], sizeof(first));
  return static_cast<double>(first);
}
HWY_POP_ATTRIBUTES

HWY_PUSH_ATTRIBUTES("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")
double VnniLoop() {
  __m512i sums[kChains];
  for (__m512i& sum : sums) sum = _mm512_setzero_si512();
  const __m512i ones = _mm512_set1_epi8(1);
  for (int64_t i = 0; i < kSteps; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) sums[c] = _mm512_dpbusd_epi32(sums[c], sums[c], ones);
  }
  for (int c = 1; c < kChains; ++c) sums[0] = _mm512_add_epi32(sums[0], sums[c]);
  int32_t first;
  std::memcpy(&first, &sums[0], sizeof(first));
  return first;
}
HWY_POP_ATTRIBUTES

HWY_PUSH_ATTRIBUTES("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")
double Bf16Loop() {
  __m512 sums[kChains];
  for (__m512& sum : sums) sum = _mm512_setzero_ps();
  const auto ones = reinterpret_cast<__m512bh>(_mm512_set1_epi16(0x3f80));
  for (int64_t i = 0; i < kSteps; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) sums[c] = _mm512_dpbf16_ps(sums[c], ones, ones);
  }
  for (int c = 1; c < kChains; ++c) sums[0] = _mm512_add_ps(sums[0], sums[c]);
  float first;
  std::memcpy(&first, &sums[0], sizeof(first));
  return static_cast<double>(first);
}
HWY_POP_ATTRIBUTES

PeakLoop LoopFor(PeakKind kind) {
  const Isa isa = LiveIsa();
  constexpr double kCalls = static_cast<double>(kSteps * kChains);
  if (kind == PeakKind::kInt8) return isa >= Isa::kAvx512Vnni ? PeakLoop{VnniLoop, kCalls * 128} : PeakLoop{};
  if (kind == PeakKind::kBf16) return isa >= Isa::kAvx512Bf16 ? PeakLoop{Bf16Loop, kCalls * 64} : PeakLoop{};
  if (isa >= Isa::kAvx512) return {Avx512Loop, kCalls * 32};
  if (isa == Isa::kAvx2) return {Avx2Loop, kCalls * 16};
  return {PortableLoop, static_cast<double>(kSteps) * 32};
}

#else

PeakLoop LoopFor(PeakKind kind) {
  return kind == PeakKind::kF32 ? PeakLoop{PortableLoop, static_cast<double>(kSteps) * 32} : PeakLoop{};
}

#endif

// The shortest of `runs` times that body(thread) takes on all threads at once.
template <typename Body>
double BestSeconds(int runs, Body body) {
  double best = 1e30;
  for (int run = 0; run < runs; ++run) {
    const double start = Seconds();
    ParallelFor(ThreadCount(), body);
    best = std::min(best, Seconds() - start);
  }
  return best;
}

}  // namespace

std::string_view Name(PeakKind kind) {
  constexpr std::array<std::string_view, 3> kNames = {"f32", "bf16", "int8"};
  return kNames[static_cast<size_t>(kind)];
}

double MeasurePeak(PeakKind kind) {
  const PeakLoop loop = LoopFor(kind);
  if (loop.run == nullptr) return 0;
  std::vector<double> results(static_cast<size_t>(ThreadCount()));
  const double seconds = BestSeconds(kRuns, [&](int64_t thread) { results[static_cast<size_t>(thread)] = loop.run(); });
  return loop.operations * ThreadCount() / seconds;
}

// Of an arena, so that it goes back to the system: among the blocks that wait for reuse it would take all the room.
ReadProbe::ReadProbe() : memory_(StorageArena().Take(kProbeWords * 8)) {
  auto* words = reinterpret_cast<uint64_t*>(memory_.get());
  ParallelForRange(kProbeWords, kProbeWords / ThreadCount(),
                   [&](int64_t begin, int64_t end) { std::fill(words + begin, words + end, 1); });
}

double ReadProbe::Measure() const {
  constexpr int kStreams = 8;               // words of a line
  const int64_t ahead = StreamAhead() / 8;  // as weights are read
  const auto* words = reinterpret_cast<const uint64_t*>(memory_.get());
  const int64_t each = kProbeWords / ThreadCount() / kStreams * kStreams;
  std::vector<uint64_t> sums(static_cast<size_t>(ThreadCount()));
  const double seconds = BestSeconds(8, [&](int64_t thread) {
    const uint64_t* p = words + thread * each;
    uint64_t sum[kStreams] = {};  // independent, so that adding never waits
    for (int64_t i = 0; i < each; i += kStreams) {
      if (ahead != 0) __builtin_prefetch(p + i + ahead);
      for (int s = 0; s < kStreams; ++s) sum[s] += p[i + s];
    }
    for (const uint64_t s : sum) sums[static_cast<size_t>(thread)] += s;
  });
  return static_cast<double>(each * ThreadCount() * 8) / seconds;
}

double MeasureReadBandwidth() {
  const ReadProbe probe;
  double best = 0;
  for (int i = 0; i < 5; ++i) best = std::max(best, probe.Measure());
  return best;
}

}  // namespace tessera::kernels
