#pragma once
// The config of DeepSeek-V2, DeepSeek-V3 and Moonlight as metadata of GGUF's architecture "deepseek2".

#include "tessera/core/json.h"
#include "tessera/weights/gguf_writer.h"

namespace tessera::weights {

// `config` has the style with "rope_parameters" (weights/config.h). The cache is described as holding one latent head,
// as files have it whose kv_b projection is stored split. Throws Error for a missing size, and for what the
// architecture cannot say: experts in only some of the upper layers, biases of attention, other ways to choose experts
// than those of the released models.
void WriteDeepseek2Config(const Json& config, GgufWriter& writer);

}  // namespace tessera::weights
