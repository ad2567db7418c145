// Speed of attention: causal, 16 heads, f32 and bf16, forward and with its gradients; and decoding from pages.
//
//   attention_bench [--tokens N] [--heads H] [--repeat R] [--picture D]
//
// With --picture, only that of a vision tower: heads of D, bf16, forward, every patch sees all; in bf16 and in 8 bits,
// in turns, with the part of the peak that each reaches, and how far 8 bits and bf16 are from f32.
// A forward pass counts 4 · H · D · N² / 2 operations, with gradients 3.5 times as many, whatever a kernel does.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "tessera/core/isa.h"
#include "tessera/core/thread_pool.h"
#include "tessera/kernels/attention.h"
#include "tessera/kernels/machine_probe.h"
#include "tessera/ops/attention.h"
#include "tessera/ops/differentiable.h"

namespace {

using namespace tessera;

Tensor Normal(const Shape& shape, DType dtype, uint32_t seed = 1) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  Tensor x = Tensor::Empty(shape);
  for (float& value : x.mutable_data<float>()) value = normal(generator);
  return x.To(dtype);
}

struct Time {
  double wall = 1e30, processor = 1e30;  // seconds; the processor's are summed over threads
};

// The least of `repeat` times, after one for warming up.
Time BestTime(int repeat, const std::function<void()>& body) {
  body();
  Time best;
  for (int i = 0; i < repeat; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const std::clock_t ticks = std::clock();
    body();
    best.processor = std::min(best.processor, static_cast<double>(std::clock() - ticks) / CLOCKS_PER_SEC);
    best.wall = std::min(best.wall, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

void Report(int64_t dim, DType dtype, const char* what, double work, const Time& time) {
  fmt::print("D={:<4} {:5} {:18} {:9.1f} ms {:8.1f} GFLOP/s {:8.1f} GFLOP/s a processor\n", dim, Name(dtype), what,
             time.wall * 1e3, work / time.wall / 1e9, work / time.processor / 1e9);
  std::fflush(stdout);
}

void Prompt(int64_t tokens, int64_t heads, int64_t dim, DType dtype, int repeat) {
  const ops::AttentionPattern pattern{.sequences = {{tokens, tokens, {}, {}}}};
  const Shape shape{tokens, heads, dim};
  const Tensor q = Normal(shape, dtype), k = Normal(shape, dtype), v = Normal(shape, dtype), dy = Normal(shape, dtype);
  const double work =
      2.0 * static_cast<double>(heads * dim) * static_cast<double>(tokens) * static_cast<double>(tokens);
  Report(dim, dtype, "forward", work, BestTime(repeat, [&] { ops::Attend(q, k, v, pattern); }));
  const Time both = BestTime(repeat, [&] {
    const std::vector<Tensor> x{ops::Variable(q), ops::Variable(k), ops::Variable(v)};
    ops::VectorJacobian(ops::Attend(x[0], x[1], x[2], pattern), dy, x);
  });
  Report(dim, dtype, "forward + backward", 3.5 * work, both);
}

double Median(std::vector<double> numbers) {
  std::ranges::sort(numbers);
  return numbers[numbers.size() / 2];
}

// |y - exact| / |exact| over all values.
double Distance(const Tensor& y, const Tensor& exact) {
  const Tensor wide = y.To(DType::kF32);
  double apart = 0, size = 0;
  for (size_t i = 0; i < wide.data<float>().size(); ++i) {
    apart += std::pow(wide.data<float>()[i] - exact.data<float>()[i], 2);
    size += std::pow(exact.data<float>()[i], 2);
  }
  return std::sqrt(apart / size);
}

void Picture(int64_t tokens, int64_t heads, int64_t dim, int repeat) {
  const ops::AttentionPattern pattern{.sequences = {{tokens, tokens, {}, {}}}, .causal = false};
  const Shape shape{tokens, heads, dim};
  const Tensor q = Normal(shape, DType::kBF16, 1), k = Normal(shape, DType::kBF16, 2),
               v = Normal(shape, DType::kBF16, 3);
  const double work =
      4.0 * static_cast<double>(heads * dim) * static_cast<double>(tokens) * static_cast<double>(tokens);
  const auto attend = [&](ops::AttendPrecision precision) {
    return ops::Attend(q, k, v, pattern, {.precision = precision});
  };
  const auto wide = [](const Tensor& x) { return x.To(DType::kF32); };
  const Tensor exact = ops::Attend(wide(q), wide(k), wide(v), pattern);
  const struct {
    const char* name;
    ops::AttendPrecision precision;
    kernels::PeakKind peak;
  } forms[] = {{"bf16", ops::AttendPrecision::kOperands, kernels::PeakKind::kBf16},
               {"int8", ops::AttendPrecision::kInt8, kernels::PeakKind::kInt8}};
  std::vector<double> seconds[2], peaks[2];
  for (int i = 0; i < repeat; ++i) {
    for (size_t f = 0; f < 2; ++f) {
      peaks[f].push_back(kernels::MeasurePeak(forms[f].peak));
      const auto start = std::chrono::steady_clock::now();
      attend(forms[f].precision);
      seconds[f].push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
  }
  for (size_t f = 0; f < 2; ++f) {
    const double time = Median(seconds[f]), peak = Median(peaks[f]);
    fmt::print("D={:<4} {} picture {:9.1f} ms {:8.1f} GFLOP/s, {:.0f} % of {:.0f}; {:.1e} from f32\n", dim,
               forms[f].name, time * 1e3, work / time / 1e9, 100 * work / time / peak, peak / 1e9,
               Distance(attend(forms[f].precision), exact));
  }
}

struct PagedHeads {
  int64_t queries, heads;
  kernels::KvPageFormat format;
};

// New tokens against `tokens` stored ones: the speed at which the pages are read, and that of the products.
void Paged(int64_t tokens, const PagedHeads& h, int repeat) {
  kernels::KvPages pages{h.format, nullptr, (tokens + 63) / 64};
  const int64_t bytes = pages.page_count * pages.format.page_bytes();
  Tensor memory = Tensor::Zeros({bytes}, DType::kU8);
  pages.base = memory.mutable_raw();
  ops::AttentionPattern pattern{.sequences = {{h.queries, tokens, {}, {}}}};
  for (int32_t p = 0; p < pages.page_count; ++p) pattern.sequences[0].pages.push_back(p);
  const Tensor q = Normal({h.queries, h.heads, h.format.key_dim}, DType::kF32);
  const Time time = BestTime(4 * repeat, [&] { ops::AttendPaged(q, pages, pattern); });
  const double seen =
      static_cast<double>(h.queries) * (static_cast<double>(tokens) - static_cast<double>(h.queries) / 2);
  const double work = 2 * static_cast<double>(h.heads * (h.format.key_dim + h.format.value_dim)) * seen;
  fmt::print(
      "{} over {} tokens, {} of {} heads of {}{}, pages of {:5} {:9.3f} ms {:7.1f} GB/s, a processor {:7.1f} GFLOP/s\n",
      h.queries, tokens, h.format.kv_heads, h.heads, h.format.key_dim,
      h.format.values_in_keys ? " with their values" : "", Name(h.format.dtype), time.wall * 1e3,
      static_cast<double>(bytes) / time.wall / 1e9, work / time.processor / 1e9);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  int64_t tokens = 4096, heads = 16;
  int repeat = 3, picture = 0;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    const int value = std::atoi(argv[i + 1]);
    if (flag == "--tokens") tokens = value;
    if (flag == "--heads") heads = value;
    if (flag == "--repeat") repeat = value;
    if (flag == "--picture") picture = value;
  }
  if (picture > 0) {
    Picture(tokens, heads, picture, repeat);
    return 0;
  }
  fmt::print("attention of {} tokens, {} heads, causal; {} threads, {}\n", tokens, heads, ThreadCount(),
             Name(LiveIsa()));
  for (const int64_t dim : {128, 64}) {
    for (const DType dtype : {DType::kF32, DType::kBF16}) Prompt(tokens, heads, dim, dtype, repeat);
  }
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16, DType::kQ8_0})
    Paged(4 * tokens, {1, 32, {dtype, 8, 128, 128}}, repeat);
  // Latent attention's one head of latents, which are keys and values, as Moonlight has it; stored once, and twice.
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16, DType::kQ8_0}) {
    for (const int64_t queries : {1, 512}) {
      for (const bool once : {true, false}) Paged(2 * tokens, {queries, 16, {dtype, 1, 576, 512, once}}, repeat);
    }
  }
  return 0;
}
