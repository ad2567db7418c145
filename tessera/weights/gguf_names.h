#pragma once
// GGUF files name things in their own way; the rest of Tessera knows the names and the config that the checkpoint had
// at Hugging Face. This is the translation for the architectures "llama", "qwen2", "qwen2vl" and
// "deepseek2":
//
//   token_embd.weight     model.embed_tokens.weight          output_norm.weight   model.norm.weight
//   blk.3.attn_q.weight   model.layers.3.self_attn.q_proj.weight                  output.weight  lm_head.weight
//
// The experts of a layer lie in one tensor [E, …, …]; it is named model.layers.3.mlp.experts.gate_proj.weight, and
// Checkpoint finds each expert's part under the expert's own name, …mlp.experts.5.gate_proj.weight.
//
// Other architectures keep their names and get a config of the metadata that all architectures share.

#include <string>
#include <string_view>

#include "tessera/core/json.h"
#include "tessera/weights/gguf.h"

namespace tessera::weights {

// The checkpoint's name of a GGUF tensor; the same text where no rule applies.
std::string NameFromGguf(std::string_view gguf_name);
// The other direction.
std::string NameToGguf(std::string_view name);

// A config.json as Hugging Face has it (the style with "rope_parameters"), from the metadata. Besides the usual keys:
//
//   "tessera_rope_layout": "pairs"    the rows of q and k stand as rotary embedding of adjacent values (2i, 2i + 1)
//                                     wants them, as converters write architecture "llama"; otherwise "halves"
//   "rope_parameters": {"rope_type": "factors", "factors": […], …}   from the tensor rope_freqs.weight, into which
//                                     converters turn Llama 3's rule: the i-th inverse frequency is theta^(-2i/d) /
//                                     factor_i
//
// The language model of a Qwen2-VL ("qwen2vl") is a qwen2 with "mrope_section" among the rope parameters; what sees
// pictures is added by weights/gguf_vision.h.
Json ConfigFromGguf(const GgufFile& file);

}  // namespace tessera::weights
