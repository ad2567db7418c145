#pragma once
// The flags that choose how tokens are drawn, the same for every command that generates.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/infer/sampling.h"

namespace CLI {
class App;
}

namespace tessera::cli {

// What the person gave; the rest comes from the model's generation_config.
struct SamplingFlags {
  std::optional<float> temperature, top_p, min_p, typical_p;
  std::optional<float> repetition_penalty, presence_penalty, frequency_penalty;
  std::optional<int64_t> top_k, repetition_window;
  std::vector<std::string> logit_bias;  // "ID=BIAS"
  std::optional<uint64_t> seed;
  std::vector<std::string> stop;
};

void AddSamplingFlags(CLI::App& command, SamplingFlags& flags);

// The flags over the model's own wishes (a generation_config.json: temperature, top_k, top_p, repetition_penalty; with
// "do_sample": false the temperature is 0) over `defaults`. Without --seed every run draws another seed.
// Throws Error that names the flag for a value out of range.
infer::SamplingOptions ResolveSampling(const SamplingFlags& flags, const Json& generation_config,
                                       const infer::SamplingOptions& defaults);

}  // namespace tessera::cli
