#pragma once
// The config of a DeepSeek-V3-like checkpoint (Moonlight) as metadata of GGUF's architecture "deepseek2".

#include "tessera/core/json.h"
#include "tessera/weights/gguf_writer.h"

namespace tessera::bench {

// `config` has the style with "rope_parameters". The cache is described as holding one latent head, as files have it
// whose kv_b projection is stored split. Throws Error for a missing size.
void WriteDeepseek2Config(const Json& config, weights::GgufWriter& writer);

}  // namespace tessera::bench
