// Speed of the operators beside products and attention, at the shapes of a small and of a large model, for one token
// and for a prompt. Each reports the values it makes a second and the bytes that it must read and write a second.
//
//   operators_bench [--benchmark_filter=RmsNorm]         TESSERA_ISA and TESSERA_THREADS choose what it runs on

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "tessera/core/isa.h"
#include "tessera/core/random.h"
#include "tessera/core/thread_pool.h"
#include "tessera/ops/cross_entropy.h"
#include "tessera/ops/elementwise.h"
#include "tessera/ops/embedding.h"
#include "tessera/ops/gather.h"
#include "tessera/ops/norm.h"
#include "tessera/ops/reduce.h"
#include "tessera/ops/rotary.h"
#include "tessera/ops/softmax.h"
#include "tessera/ops/view.h"

namespace {

using namespace tessera;

Tensor Normal(const Shape& shape, DType dtype = DType::kF32) {
  Random random(1);
  Tensor x = Tensor::Empty(shape);
  for (float& value : x.mutable_data<float>()) value = static_cast<float>(random.Normal());
  return x.To(dtype);
}

Tensor Ids(int64_t count, int64_t bound) {
  Random random(2);
  Tensor ids = Tensor::Empty({count}, DType::kI64);
  for (int64_t& id : ids.mutable_data<int64_t>()) id = static_cast<int64_t>(random.Below(static_cast<uint64_t>(bound)));
  return ids;
}

// Runs op(inputs); the bytes are those of the inputs and of the result, each once.
template <typename Op>
void Run(benchmark::State& state, const std::vector<Tensor>& inputs, const Op& op) {
  int64_t bytes = op(inputs).bytes(), values = op(inputs).numel();
  for (const Tensor& input : inputs) bytes += input.bytes();
  for (auto _ : state) benchmark::DoNotOptimize(op(inputs).raw());
  state.SetBytesProcessed(state.iterations() * bytes);
  state.SetItemsProcessed(state.iterations() * values);
}

// Rows of a token (1) or of a prompt (512).
struct Case {
  const char* name;
  DType dtype;
  int64_t rows, width;
};
constexpr Case kCases[] = {{"f32/1x576", DType::kF32, 1, 576},         {"f32/512x576", DType::kF32, 512, 576},
                           {"f32/1x4096", DType::kF32, 1, 4096},       {"f32/512x4096", DType::kF32, 512, 4096},
                           {"bf16/512x4096", DType::kBF16, 512, 4096}, {"f16/512x4096", DType::kF16, 512, 4096}};

template <typename Op>
void Register(const std::string& name, const Case& c, const std::vector<Tensor>& inputs, Op op) {
  benchmark::RegisterBenchmark((name + "/" + c.name).c_str(), [=](benchmark::State& state) {
    Run(state, inputs, op);
  })->UseRealTime();
}

void RegisterAll(const Case& c) {
  using Inputs = std::vector<Tensor>;
  const Tensor x = Normal({c.rows, c.width}, c.dtype), w = Normal({c.width}, c.dtype);
  Register("Add", c, {x, x}, [](const Inputs& in) { return ops::Add(in[0], in[1]); });
  Register("AddBias", c, {x, w}, [](const Inputs& in) { return ops::Add(in[0], in[1]); });
  Register("Exp", c, {x}, [](const Inputs& in) { return ops::Exp(in[0]); });
  Register("Tanh", c, {x}, [](const Inputs& in) { return ops::Tanh(in[0]); });
  Register("Gelu", c, {x}, [](const Inputs& in) { return ops::Gelu(in[0]); });
  Register("GeluTanh", c, {x}, [](const Inputs& in) { return ops::GeluTanh(in[0]); });
  Register("SiluMul", c, {x, x}, [](const Inputs& in) { return ops::SiluMul(in[0], in[1]); });
  Register("Sum", c, {x}, [](const Inputs& in) { return ops::Sum(in[0], 0); });
  Register("Softmax", c, {x}, [](const Inputs& in) { return ops::Softmax(in[0]); });
  Register("RmsNorm", c, {x, w}, [](const Inputs& in) { return ops::RmsNorm(in[0], in[1], 1e-5f); });
  Register("LayerNorm", c, {x, w, w}, [](const Inputs& in) { return ops::LayerNorm(in[0], in[1], in[2], 1e-5f); });
  Register("Transpose", c, {x}, [](const Inputs& in) { return ops::Transpose(in[0], 0, 1); });
  const Tensor table = Normal({c.rows, 32}), heads = x.Reshape({c.rows, c.width / 64, 64});
  for (const auto& [name, layout] :
       {std::pair("RotaryHalves", ops::RotaryLayout::kHalves), std::pair("RotaryPairs", ops::RotaryLayout::kPairs)}) {
    Register(name, c, {heads, table, table},
             [layout = layout](const Inputs& in) { return ops::Rotary(in[0], in[1], in[2], layout); });
  }
  Register("Embedding", c, {Normal({1000, c.width}, c.dtype), Ids(c.rows, 1000)},
           [](const Inputs& in) { return ops::Embedding(in[0], in[1]); });
  Register("ScatterAddRows", c, {x, Ids(c.rows, 1000)},
           [](const Inputs& in) { return ops::ScatterAddRows(in[0], in[1], 1000); });
  Register("CrossEntropy", c, {x, Ids(c.rows, c.width)},
           [](const Inputs& in) { return ops::CrossEntropy(in[0], in[1]); });
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::AddCustomContext("isa", std::string(Name(LiveIsa())));
  benchmark::AddCustomContext("threads", std::to_string(ThreadCount()));
  for (const Case& c : kCases) RegisterAll(c);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
