#pragma once
// The config of a Hugging Face checkpoint as GGUF metadata: the way back of ConfigFromGguf in gguf_names.h.

#include <string>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/tensor.h"
#include "tessera/weights/gguf_writer.h"

namespace tessera::weights {

// Writes general.architecture and the architecture's own keys: sizes, rms epsilon, rope base and scaling. `config` has
// the style with "rope_parameters" (weights/config.h); defaults of absent keys are those of the model's own code.
// Returns notes for the person: what GGUF cannot say and what follows from it.
// For models that see pictures this is the language model's part; `config` is its own (TextConfig), of model_type
// qwen2_vl, qwen2_5_vl or, for Kimi-VL, deepseek_v3.
// Throws Error for other types than those, llama, qwen2, deepseek_v2, chameleon and anole, for a missing size, for an
// activation other than SiLU, and for rope scaling that GGUF cannot express.
std::vector<std::string> WriteConfig(const Json& config, GgufWriter& writer);

// What a config says of the language model: "text_config" or, without one, all of it. A model_type that is missing
// there is that of the whole.
Json TextConfig(const Json& config);

// The values of rope_freqs.weight, f32 [head size / 2]: what Llama 3's rule divides each inverse frequency by.
// Undefined for other rules.
Tensor RopeFactors(const Json& config);

// Values in a query or key head.
int64_t HeadSize(const Json& config);

}  // namespace tessera::weights
