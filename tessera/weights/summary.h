#pragma once
// What a person wants to know of a checkpoint before running it: counts and memory, without reading any weight.

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "tessera/weights/checkpoint.h"

namespace tessera::weights {

struct DTypeShare {
  int64_t tensors = 0, values = 0, bytes = 0;
};

struct Summary {
  std::string family;  // the config's model_type; empty if it has none
  int64_t parameters = 0, bytes = 0;
  std::map<DType, DTypeShare> dtypes;
  // From the config; nothing where it does not say.
  std::optional<int64_t> layers, hidden, heads, kv_heads, head_dim, ffn, vocabulary, max_context;
  std::optional<int64_t> latent;  // latent attention: the length of what keys and values of all heads are made from
  std::optional<int64_t> cached_values;  // that a layer keeps for each token
  bool tied = false;                     // the output layer is the embedding table

  double bits_per_weight() const { return parameters == 0 ? 0 : 8.0 * double(bytes) / double(parameters); }
  // Bytes of keys and values of `context` tokens of one sequence at `bytes_per_value`; nothing if the config does not
  // say enough. Throws Error for sizes that overflow.
  std::optional<int64_t> CacheBytes(int64_t context, double bytes_per_value) const;
};

// Throws Error if a config key has the wrong kind.
Summary Summarize(const Checkpoint& checkpoint);

}  // namespace tessera::weights
