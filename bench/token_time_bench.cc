// Where the time of a decoded token goes: the calls of a Llama or Qwen2 one after the other, as the model makes them
// and over its own weights, each timed; and beside their sum the time of a whole token.
//
//   token_time_bench MODEL [POSITIONS [CACHE_TYPE]]        default: 128 positions in the cache, f16
//
// Times are medians of 32 tokens. Where the model fuses parts, the whole is shorter than the sum; where it is longer,
// the rest is bookkeeping and memory.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <functional>

#include "bench/random_weights.h"
#include "bench/report_errors.h"
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

constexpr int kPasses = 32;

// What `tessera run` draws with where a checkpoint says nothing.
const infer::SamplingOptions kSampling{
    .temperature = 0.2f, .top_p = 0.9f, .repetition_penalty = 1.1f, .repetition_window = 256};

double Now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// A call of the model, made in every layer or once at the end.
struct Part {
  std::string name;
  std::function<void(size_t layer)> call;
  double bytes = 0;               // of weights and cache that all its calls read in one token
  double calls = 0, seconds = 0;  // of one token
  std::vector<double> samples{};  // seconds of its calls in each pass
};

Tensor Row(const Shape& shape) { return bench::RandomWeight(shape, DType::kF32, 1, 1); }

// The parts of a layer and of the end, in the model's order, over the model's own weights.
class Parts {
 public:
  Parts(const infer::LoadedModel& loaded, int64_t positions, DType dtype)
      : weights_(loaded.model->parameters()),
        summary_(loaded.model->summary()),
        kv_(summary_.kv.front()),
        pages_((positions + kernels::kPageTokens - 1) / kernels::kPageTokens),
        format_(kv_.Format(dtype)),
        slot_{positions - 1} {
    for (int64_t layer = 0; layer < summary_.layers(); ++layer)
      caches_.push_back(Tensor::Zeros({pages_ * format_.page_bytes()}, DType::kU8));
    pattern_.sequences = {{1, positions, {}, {}}};
    for (int32_t p = 0; p < pages_; ++p) pattern_.sequences[0].pages.push_back(p);
    AddLayer();
    AddEnd();
  }

  // One token: every part in order, its time added to a new sample.
  void Pass() {
    for (auto* parts : {&layer_, &end_})
      for (Part& part : *parts) part.samples.push_back(0);
    for (size_t layer = 0; layer < caches_.size(); ++layer)
      for (Part& part : layer_) Time(part, layer);
    for (Part& part : end_) Time(part, 0);
  }

  // All parts with their medians.
  std::vector<Part> Medians() const {
    std::vector<Part> all = layer_;
    for (Part& part : all) part.calls = static_cast<double>(caches_.size());
    for (const Part& part : end_) all.push_back(part);
    for (Part& part : all) {
      part.calls = std::max(1.0, part.calls);
      const auto middle = part.samples.begin() + std::ssize(part.samples) / 2;
      std::ranges::nth_element(part.samples, middle);
      part.seconds = *middle;
    }
    return all;
  }

 private:
  const nn::Parameters& weights_;
  const models::ModelSummary& summary_;
  models::KvShape kv_;
  int64_t pages_;
  kernels::KvPageFormat format_;
  std::vector<int64_t> slot_;
  std::vector<Tensor> caches_;
  ops::AttentionPattern pattern_;
  std::vector<Part> layer_, end_;

  static void Time(Part& part, size_t layer) {
    const double start = Now();
    part.call(layer);
    part.samples.back() += Now() - start;
  }

  void AddProduct(const std::string& name) {
    std::vector<Tensor> matrices;
    double bytes = 0;
    for (size_t layer = 0; layer < caches_.size(); ++layer) {
      matrices.push_back(weights_.Get(fmt::format("model.layers.{}.{}.weight", layer, name)));
      bytes += static_cast<double>(BytesFor(matrices.back().dtype(), matrices.back().numel()));
    }
    const Tensor x = Row({1, matrices.front().dim(1)});
    layer_.push_back({name, [=](size_t layer) { ops::Linear(x, matrices[layer]); }, bytes});
  }

  void AddLayer() {
    const int64_t heads = weights_.Get("model.layers.0.self_attn.q_proj.weight").dim(0) / kv_.key_dim;
    const int64_t ffn = weights_.Get("model.layers.0.mlp.gate_proj.weight").dim(0);
    const Tensor x = Row({1, summary_.hidden}), w = Row({summary_.hidden}), wide = Row({1, ffn});
    const Tensor q = Row({1, heads, kv_.key_dim}), k = Row({1, kv_.kv_heads, kv_.key_dim});
    const Tensor v = Row({1, kv_.kv_heads, kv_.value_dim}), table = Row({1, kv_.key_dim / 2});
    const auto pages = [this](size_t layer) { return kernels::KvPages{format_, caches_[layer].mutable_raw(), pages_}; };
    layer_.push_back({"two norms", [=](size_t) {
                        ops::RmsNorm(x, w, 1e-6f);
                        ops::RmsNorm(x, w, 1e-6f);
                      }});
    for (const char* name : {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}) AddProduct(name);
    layer_.push_back({"rotary of q and k", [=](size_t) {
                        ops::Rotary(q, table, table, ops::RotaryLayout::kHalves);
                        ops::Rotary(k, table, table, ops::RotaryLayout::kHalves);
                      }});
    layer_.push_back({"storing k and v", [=, this](size_t layer) { kernels::StoreKv(pages(layer), slot_, k, v); }});
    layer_.push_back({"attention", [=, this](size_t layer) { ops::AttendPaged(q, pages(layer), pattern_); },
                      static_cast<double>(summary_.layers() * pages_ * format_.page_bytes())});
    for (const char* name : {"self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj"}) AddProduct(name);
    layer_.push_back({"silu(gate) * up", [=](size_t) { ops::SiluMul(wide, wide); }});
    AddProduct("mlp.down_proj");
    layer_.push_back({"two additions", [=](size_t) {
                        ops::Add(x, x);
                        ops::Add(x, x);
                      }});
  }

  void AddEnd() {
    const bool untied = std::ranges::count(weights_.names(), "lm_head.weight") > 0;
    const Tensor w = weights_.Get(untied ? "lm_head.weight" : "model.embed_tokens.weight");
    const Tensor x = Row({1, w.dim(1)});
    end_.push_back({"logits", [=](size_t) { ops::Linear(x, w); }, static_cast<double>(BytesFor(w.dtype(), w.numel()))});
    // As words are distributed: the r-th likeliest has a probability of about r^-1.2.
    std::vector<float> logits(static_cast<size_t>(w.dim(0)));
    for (size_t i = 0; i < logits.size(); ++i)
      logits[i * 7919 % logits.size()] = -1.2f * std::log(1.0f + static_cast<float>(i));
    end_.push_back({"drawing the token",
                    [=](size_t) { infer::SampleToken(logits, std::vector<int32_t>(256, 17), 0, kSampling); }});
  }
};

double WholeToken(const models::LanguageModel& model, int64_t positions, DType dtype) {
  constexpr int64_t kTokens = kPasses;
  Random random(1);
  infer::Engine engine(model, {.context = positions + kTokens + 2, .cache_dtype = dtype});
  const int64_t prompt = std::max<int64_t>(1, positions - kTokens / 2);
  engine.Submit({.prompt = infer::Zipf(model.summary().vocab).Draw(random, prompt),
                 .max_tokens = kTokens + 1,
                 .ignore_eos = true,
                 .sampling = kSampling});
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
      "| part | layers | us a token | of the token | GB/s | of the bandwidth |\n| --- | ---: | ---: | ---: | ---: | "
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
  const double whole = WholeToken(*loaded.model, positions, dtype);
  Parts parts(loaded, positions, dtype);
  for (int i = 0; i < kPasses; ++i) parts.Pass();
  const double bandwidth = kernels::MeasureReadBandwidth();
  fmt::print("{}, {} threads, {} positions of {}; the machine reads {:.1f} GB/s\n\n", Name(LiveIsa()), ThreadCount(),
             positions, Name(dtype), bandwidth * 1e-9);
  Print(parts.Medians(), whole, bandwidth);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return tessera::bench::ReportErrors("token_time_bench", [&] { return Run(argc, argv); });
}
