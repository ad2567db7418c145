#include "tessera/models/decoder_config.h"

#include <algorithm>

#include "tessera/core/error.h"
#include "tessera/models/config_reader.h"

namespace tessera::models {
namespace {

// More layers than any model has; each costs memory before its first tensor is looked for.
constexpr int64_t kMaxLayers = 4096;

}  // namespace

const Json& ModelSource::NoConfig() {
  static const Json kNone = Json::object();
  return kNone;
}

DecoderConfig ReadDecoderConfig(const ModelSource& source) {
  const ConfigReader reader(source.config);
  DecoderConfig c;
  c.vocab = reader.Size("vocab_size");
  c.hidden = reader.Size("hidden_size");
  c.ffn = reader.Size("intermediate_size");
  c.layers = reader.Size("num_hidden_layers");
  Require(c.layers <= kMaxLayers, "config: \"num_hidden_layers\" is {}, the limit is {}", c.layers, kMaxLayers);
  c.heads = reader.Size("num_attention_heads");
  c.kv_heads = reader.Size("num_key_value_heads", c.heads);
  Require(c.heads % c.kv_heads == 0, "config: \"num_key_value_heads\" {} must divide \"num_attention_heads\" {}",
          c.kv_heads, c.heads);
  Require(reader.Has("head_dim") || c.hidden % c.heads == 0,
          "config: \"hidden_size\" {} is not a multiple of \"num_attention_heads\" {} and there is no \"head_dim\"",
          c.hidden, c.heads);
  c.head_dim = reader.Has("head_dim") ? reader.Size("head_dim") : c.hidden / c.heads;
  c.max_context = reader.Size("max_position_embeddings", 2048);
  c.norm_eps = static_cast<float>(reader.Positive("rms_norm_eps", 1e-6));
  c.tied = reader.Flag("tie_word_embeddings", false);
  const std::string activation = reader.Text("hidden_act", "silu");
  Require(activation == "silu" || activation == "swish", "config: \"hidden_act\" is \"{}\", this family uses silu",
          activation);
  const std::string layout = reader.Text("tessera_rope_layout", "halves");
  Require(layout == "halves" || layout == "pairs", "config: \"tessera_rope_layout\" is \"{}\", not halves or pairs",
          layout);
  c.rotary_layout = layout == "pairs" ? ops::RotaryLayout::kPairs : ops::RotaryLayout::kHalves;
  c.rope = nn::ReadRopeConfig(source.config, c.head_dim);
  return c;
}

ModelSummary Summarize(const std::string& family, const DecoderConfig& config, const ModelSource& source,
                       std::span<const int64_t> windows, const nn::LoadOptions& options) {
  const ConfigReader reader(source.config);
  ModelSummary summary;
  summary.family = family;
  summary.vocab = config.vocab;
  summary.hidden = config.hidden;
  summary.max_context = config.max_context;
  for (const int64_t window : windows)
    summary.kv.push_back(
        {.kv_heads = config.kv_heads, .key_dim = config.head_dim, .value_dim = config.head_dim, .window = window});
  summary.bos_ids = reader.Ids("bos_token_id", config.vocab);
  summary.eos_ids = reader.Ids("eos_token_id", config.vocab);
  // Chat models often name the end of a turn in generation_config.json alone.
  for (const int64_t id : ConfigReader(source.generation_config).Ids("eos_token_id", config.vocab))
    if (std::ranges::find(summary.eos_ids, id) == summary.eos_ids.end()) summary.eos_ids.push_back(id);
  summary.activations = options.activations;
  summary.device = options.device;
  summary.fixed_angles = !nn::LooksAtLength(config.rope);
  return summary;
}

}  // namespace tessera::models
