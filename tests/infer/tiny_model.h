#pragma once
// A small Llama of tests/data for tests of the engine, with its weights in any dtype.

#include <memory>
#include <string>

#include "tessera/models/load.h"
#include "tessera/ops/linear.h"
#include "tessera/weights/checkpoint.h"
#include "tessera/weights/quantize_blocks.h"

namespace tessera::infer {

struct TinyModel {
  weights::Checkpoint checkpoint;
  std::unique_ptr<models::LanguageModel> model;

  // `weights` f32 or bf16 (activations too), or a block format: then every matrix whose rows are whole blocks takes it.
  explicit TinyModel(DType weights = DType::kF32, const std::string& name = "llama_llama3rope_bf16_sharded")
      : checkpoint(tessera::weights::Checkpoint::Open(std::string(TESSERA_TEST_DATA) + "/" + name)) {
    const bool quantized = IsQuantized(weights);
    model = models::LoadModel(checkpoint, {.weights = quantized ? DType::kF32 : weights,
                                           .activations = quantized ? DType::kF32 : weights,
                                           .pack = !quantized});
    if (!quantized) return;
    for (const std::string& weight : model->parameters().names()) {
      const Tensor value = model->parameters().Get(weight);
      const bool is_matrix = value.rank() == 2 && weight.find("embed") == std::string::npos;
      if (!is_matrix || value.dim(1) % Info(weights).block_size != 0) continue;
      model->parameters().Set(weight, ops::PackWeight(tessera::weights::Quantize(value, weights)));
    }
  }
};

}  // namespace tessera::infer
