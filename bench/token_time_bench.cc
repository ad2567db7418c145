// Where the time of a decoded token goes: each part of a Llama or Qwen2 alone, with the model's own weights layer after
// layer (so that they come from memory as they do in the model), and beside their sum the time of a whole token.
//
//   token_time_bench MODEL [POSITIONS [CACHE_TYPE]]        default: 128 positions in the cache, f16
//
// A part's time is the best of several passes over all layers; the whole is the median of 32 tokens. Where the model
// fuses parts, the whole is shorter than the sum.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <map>

#include "bench/random_weights.h"
#include "tessera/core/isa.h"
#include "tessera/core/thread_pool.h"
#include "tessera/infer/engine.h"
#include "tessera/infer/loaded_model.h"
#include "tessera/infer/zipf.h"
#include "tessera/kernels/machine_probe.h"
#include "tessera/ops/attention.h"
#include "tessera/ops/elementwise.h"
#include "tessera/ops/linear.h"
#include "tessera/ops/norm.h"
#include "tessera/ops/rotary.h"

namespace {

using namespace tessera;

double Now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

struct Part {
  std::string name;
  double calls = 0, bytes = 0, seconds = 0;  // of one token
};

double BestSeconds(const std::function<void()>& body) {
  body();
  double best = 1e30;
  const double end = Now() + 0.4;
  do {
    const double start = Now();
    body();
    best = std::min(best, Now() - start);
  } while (Now() < end);
  return best;
}

Tensor Row(const Shape& shape) { return bench::RandomWeight(shape, DType::kF32, 1, 1); }

// "model.layers.3.mlp.up_proj.weight" -> "mlp.up_proj"; other matrices keep their name.
std::string GroupOf(const std::string& name) {
  constexpr std::string_view kLayers = "model.layers.";
  const std::string stem = name.substr(0, name.rfind('.'));
  if (!name.starts_with(kLayers)) return stem;
  return stem.substr(stem.find('.', kLayers.size()) + 1);
}

void TimeProducts(const nn::Parameters& weights, std::vector<Part>& parts) {
  std::map<std::string, std::vector<Tensor>> groups;
  const bool untied = std::ranges::count(weights.names(), "lm_head.weight") > 0;
  for (const std::string& name : weights.names()) {
    if (weights.Get(name).rank() == 2 && !(untied && name == "model.embed_tokens.weight"))
      groups[GroupOf(name)].push_back(weights.Get(name));
  }
  for (const auto& [name, matrices] : groups) {
    const Tensor x = Row({1, matrices.front().dim(1)});
    Part part{.name = "product " + name, .calls = static_cast<double>(matrices.size())};
    for (const Tensor& w : matrices) part.bytes += static_cast<double>(BytesFor(w.dtype(), w.numel()));
    part.seconds = BestSeconds([&] {
      for (const Tensor& w : matrices) ops::Linear(x, w);
    });
    parts.push_back(part);
  }
}

void TimeAttention(const models::ModelSummary& summary, int64_t heads, int64_t positions, DType dtype,
                   std::vector<Part>& parts) {
  const int64_t pages = (positions + kernels::kPageTokens - 1) / kernels::kPageTokens;
  const models::KvShape& kv = summary.kv.front();
  const kernels::KvPageFormat format{dtype, kv.kv_heads, kv.key_dim, kv.value_dim};
  const auto layers = static_cast<size_t>(summary.layers());
  std::vector<Tensor> memory(layers);
  for (Tensor& layer : memory) layer = Tensor::Zeros({pages * format.page_bytes()}, DType::kU8);
  ops::AttentionPattern pattern{.sequences = {{1, positions, {}, {}}}};
  for (int32_t p = 0; p < pages; ++p) pattern.sequences[0].pages.push_back(p);
  const Tensor q = Row({1, heads, kv.key_dim}), k = Row({1, kv.kv_heads, kv.key_dim});
  const Tensor v = Row({1, kv.kv_heads, kv.value_dim});
  const std::vector<int64_t> slot = {positions - 1};
  const auto each_layer = [&](const std::function<void(const kernels::KvPages&)>& body) {
    return BestSeconds([&] {
      for (Tensor& layer : memory) body({format, layer.mutable_raw(), pages});
    });
  };
  const auto calls = static_cast<double>(layers);
  parts.push_back({"storing keys and values", calls, 0,
                   each_layer([&](const kernels::KvPages& cache) { kernels::StoreKv(cache, slot, k, v); })});
  parts.push_back({"attention", calls, calls * static_cast<double>(pages * format.page_bytes()),
                   each_layer([&](const kernels::KvPages& cache) { ops::AttendPaged(q, cache, pattern); })});
}

void TimeRest(const models::ModelSummary& summary, int64_t heads, int64_t ffn, std::vector<Part>& parts) {
  const Tensor x = Row({1, summary.hidden}), w = Row({summary.hidden}), wide = Row({1, ffn});
  const int64_t dim = summary.kv.front().key_dim, kv_heads = summary.kv.front().kv_heads;
  const Tensor q = Row({1, heads, dim}), k = Row({1, kv_heads, dim}), table = Row({1, dim / 2});
  const auto layers = static_cast<double>(summary.layers());
  const auto add = [&](const char* name, double calls, const std::function<void()>& body) {
    constexpr int kRuns = 100;
    const double seconds = BestSeconds([&] {
      for (int i = 0; i < kRuns; ++i) body();
    });
    parts.push_back({name, calls, 0, calls * seconds / kRuns});
  };
  add("norms", 2 * layers + 1, [&] { ops::RmsNorm(x, w, 1e-6f); });
  add("rotary of queries", layers, [&] { ops::Rotary(q, table, table, ops::RotaryLayout::kHalves); });
  add("rotary of keys", layers, [&] { ops::Rotary(k, table, table, ops::RotaryLayout::kHalves); });
  add("silu(gate) * up", layers, [&] { ops::SiluMul(wide, wide); });
  add("additions", 2 * layers, [&] { ops::Add(x, x); });
}

double WholeToken(const models::LanguageModel& model, int64_t positions, DType dtype) {
  constexpr int64_t kTokens = 32;
  Random random(1);
  infer::Engine engine(model, {.context = positions + kTokens + 2, .cache_dtype = dtype});
  const int64_t prompt = std::max<int64_t>(1, positions - kTokens / 2);
  engine.Submit({.prompt = infer::Zipf(model.summary().vocab).Draw(random, prompt),
                 .max_tokens = kTokens + 1,
                 .ignore_eos = true});
  while (engine.Step().empty()) {
  }
  std::vector<double> seconds;
  while (!engine.idle()) {
    const double start = Now();
    engine.Step();
    seconds.push_back(Now() - start);
  }
  std::ranges::nth_element(seconds, seconds.begin() + kTokens / 2);
  return seconds[kTokens / 2];
}

void Print(const std::vector<Part>& parts, double whole, double bandwidth) {
  fmt::print(
      "| part | calls | us a token | of the token | GB/s | of the bandwidth |\n| --- | ---: | ---: | ---: | ---: | "
      "---: |\n");
  double sum = 0;
  for (const Part& p : parts) {
    sum += p.seconds;
    const double rate = p.bytes / p.seconds;
    fmt::print("| {} | {:.0f} | {:.0f} | {:.1f} % | {} | {} |\n", p.name, p.calls, p.seconds * 1e6,
               100 * p.seconds / whole, p.bytes > 0 ? fmt::format("{:.1f}", rate * 1e-9) : "",
               p.bytes > 0 ? fmt::format("{:.0f} %", 100 * rate / bandwidth) : "");
  }
  fmt::print("| everything else (whole less the sum) | | {:.0f} | {:.1f} % | | |\n", (whole - sum) * 1e6,
             100 * (whole - sum) / whole);
  fmt::print("| **a whole token** | | {:.0f} | | | |\n", whole * 1e6);
}

int Run(int argc, char** argv) {
  Require(argc >= 2 && argc <= 4, "usage: token_time_bench MODEL [POSITIONS [CACHE_TYPE]]");
  const int64_t positions = argc > 2 ? std::atoll(argv[2]) : 128;
  const DType dtype = DTypeFromName(argc > 3 ? argv[3] : "f16");
  const infer::LoadedModel loaded = infer::Load(argv[1]);
  const nn::Parameters& weights = loaded.model->parameters();
  const models::ModelSummary& summary = loaded.model->summary();
  const int64_t heads = weights.Get("model.layers.0.self_attn.q_proj.weight").dim(0) / summary.kv.front().key_dim;
  const int64_t ffn = weights.Get("model.layers.0.mlp.gate_proj.weight").dim(0);
  std::vector<Part> parts;
  const double whole = WholeToken(*loaded.model, positions, dtype);
  TimeProducts(weights, parts);
  TimeAttention(summary, heads, positions, dtype, parts);
  TimeRest(summary, heads, ffn, parts);
  const double bandwidth = kernels::MeasureReadBandwidth();
  fmt::print("{}, {} threads, {} positions of {}; the machine reads {:.1f} GB/s\n\n", Name(LiveIsa()), ThreadCount(),
             positions, Name(dtype), bandwidth * 1e-9);
  Print(parts, whole, bandwidth);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "token_time_bench: {}\n", error.what());
    return 1;
  }
}
