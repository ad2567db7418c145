#pragma once
// The tensors that a model of a given configuration has, without any checkpoint of it.

#include <string>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/shape.h"

namespace tessera::bench {

struct ModelTensor {
  std::string name;  // as GGUF files have it for architecture llama, qwen2 and deepseek2; those of a vision part
                     // ("visual.…", "vision_tower.…") and what Chameleon adds ("model.…") as checkpoints have them
  Shape shape;          // outermost axis first
  float mean = 0;       // 1 for norms
  float deviation = 0;  // of its values: 1/√inputs for matrices, so that activations keep their size
};

// All tensors in the order of the layers. `config` has the style with "rope_parameters" (weights/config.h) and is of
// model_type llama, qwen2, qwen2_vl, qwen2_5_vl, chameleon, deepseek_v3 (Moonlight: latent attention stored split as
// attn_k_b and attn_v_b, experts stacked) or kimi_vl. Throws Error for others and for missing sizes.
std::vector<ModelTensor> TensorsOf(const Json& config);

}  // namespace tessera::bench
