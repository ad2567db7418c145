// The two forms of latent attention over a cache (nn/latent_attention.h), with Moonlight's sizes: absorbed, every head
// attending to the latents themselves, or expanded, keys and values of all heads made first from all latents.
//
//   latent_forms_bench [--repeat R]
//
// Times of the processor, summed over threads, of one layer without its outer products, the least of R. A chunk of T
// rows ends at token S of a text.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ctime>
#include <functional>
#include <vector>

#include "random_weights.h"
#include "tessera/core/thread_pool.h"
#include "tessera/kernels/kv_pages.h"
#include "tessera/ops/attention.h"
#include "tessera/ops/elementwise.h"
#include "tessera/ops/linear.h"
#include "tessera/ops/view.h"

namespace {

using namespace tessera;

constexpr int64_t H = 16, N = 128, P = 64, V = 128, R = 512;
constexpr float kScale = 0.072f;

Tensor Random(const Shape& shape, DType dtype = DType::kF32) {
  return bench::RandomWeight(shape, DType::kF32, 1, 1).To(dtype);
}

double Seconds(int repeat, const std::function<void()>& body) {
  body();
  double best = 1e30;
  for (int i = 0; i < repeat; ++i) {
    const std::clock_t start = std::clock();
    body();
    best = std::min(best, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  return best;
}

// The weights of one head, or of all in one.
struct Weights {
  std::vector<Tensor> keys, values;
  Tensor both = ops::PackWeight(Random({H * (N + V), R}, DType::kBF16));
  Weights() {
    for (int64_t h = 0; h < H; ++h) {
      keys.push_back(ops::PackWeight(Random({R, N}, DType::kBF16)));
      values.push_back(ops::PackWeight(Random({V, R}, DType::kBF16)));
    }
  }
};

Tensor EachHead(const Tensor& x, const std::vector<Tensor>& weights) {
  const int64_t T = x.dim(0);
  std::vector<Tensor> results;
  for (int64_t h = 0; h < H; ++h)
    results.push_back(
        ops::Linear(ops::Reshape(ops::Slice(x, 1, h, h + 1), {T, x.dim(2)}), weights[static_cast<size_t>(h)]));
  const Tensor y = ops::Concat(results, 0);
  return ops::Transpose(ops::Reshape(y, {H, T, y.dim(1)}), 0, 1);
}

double Absorbed(const Weights& weights, int64_t T, int64_t S, int repeat) {
  const kernels::KvPageFormat format{DType::kBF16, 1, R + P, R, true};
  kernels::KvPages pages{format, nullptr, (S + 63) / 64};
  Tensor memory = Tensor::Zeros({pages.page_count * format.page_bytes()}, DType::kU8);
  pages.base = memory.mutable_raw();
  ops::AttentionPattern pattern{.sequences = {{T, S, {}, {}}}};
  for (int32_t p = 0; p < pages.page_count; ++p) pattern.sequences[0].pages.push_back(p);
  const Tensor q = Random({T, H, N + P});
  return Seconds(repeat, [&] {
    const Tensor nope = EachHead(ops::Slice(q, -1, 0, N), weights.keys);
    const std::vector<Tensor> parts{nope, ops::Slice(q, -1, N, N + P)};
    EachHead(ops::AttendPaged(ops::Concat(parts, -1), pages, pattern, {.scale = kScale}), weights.values);
  });
}

// The cached latents lie in order, already read from their pages: more than a real one could hope for.
double Expanded(const Weights& weights, int64_t T, int64_t S, int repeat) {
  const Tensor latents = Random({S, R}, DType::kBF16), rotary = Random({S, 1, P}, DType::kBF16);
  const Tensor q = Random({T, H, N + P}, DType::kBF16);
  const ops::AttentionPattern pattern{.sequences = {{T, S, {}, {}}}};
  return Seconds(repeat, [&] {
    const Tensor kv = ops::Reshape(ops::Linear(latents, weights.both), {S, H, N + V});
    const Tensor each_head = ops::Add(Tensor::Zeros({S, H, P}, DType::kBF16), rotary);
    const std::vector<Tensor> keys{ops::Slice(kv, -1, 0, N), each_head};
    ops::Attend(q, ops::Concat(keys, -1), ops::Slice(kv, -1, N, N + V), pattern, {.scale = kScale});
  });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App program("The absorbed and the expanded form of latent attention");
  int repeat = 3;
  program.add_option("--repeat", repeat, "Runs of which the quickest counts");
  CLI11_PARSE(program, argc, argv);
  const Weights weights;
  fmt::print("{:>6} rows at the end of {:>6}: absorbed, expanded (ms of processor), absorbed / expanded\n", "T", "S");
  for (const int64_t S : {512, 2048, 8192, 32768}) {
    for (const int64_t T : {1, 32, 128, 512}) {
      const double absorbed = Absorbed(weights, T, S, repeat), expanded = Expanded(weights, T, S, repeat);
      fmt::print("{:>6} {:>6} {:10.2f} {:10.2f} {:8.2f}\n", T, S, absorbed * 1e3, expanded * 1e3, absorbed / expanded);
      std::fflush(stdout);
    }
  }
  return 0;
}
