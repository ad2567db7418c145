#include "tessera/weights/gguf_config.h"

#include <cmath>
#include <numbers>

#include "tessera/core/checked.h"
#include "tessera/core/error.h"
#include "tessera/core/json_text.h"
#include "tessera/weights/chameleon_gguf.h"
#include "tessera/weights/deepseek2_config.h"

namespace tessera::weights {
namespace {

const Json* Find(const Json& object, const char* key) {
  const auto value = object.find(key);
  return value == object.end() || value->is_null() ? nullptr : &*value;
}

uint32_t Size(const Json& config, const char* key) {
  const Json* value = Find(config, key);
  Require(value != nullptr && value->is_number_integer(), "config: no number \"{}\"; is config.json complete?", key);
  const auto size = CheckedCast<uint32_t>(value->get<int64_t>(), key);
  Require(size > 0, "config: \"{}\" is 0", key);
  return size;
}

uint32_t SizeOr(const Json& config, const char* key, uint32_t otherwise) {
  return Find(config, key) == nullptr ? otherwise : Size(config, key);
}

float NumberOr(const Json& object, const char* key, double otherwise) {
  const Json* value = Find(object, key);
  if (value == nullptr) return static_cast<float>(otherwise);
  Require(value->is_number(), "config: \"{}\" is not a number", key);
  return value->get<float>();
}

float Number(const Json& object, const char* key) {
  Require(Find(object, key) != nullptr, "config: the rope parameters lack \"{}\"", key);
  return NumberOr(object, key, 0);
}

Json RopeParameters(const Json& config) {
  const Json* rope = Find(config, "rope_parameters");
  return rope == nullptr ? Json::object() : *rope;
}

std::string RopeType(const Json& rope) {
  const Json* type = Find(rope, "rope_type");
  return type == nullptr ? "default" : type->get<std::string>();
}

// Keys of the scaling rules that GGUF names; Llama 3's rule goes into a tensor.
void WriteRopeScaling(const Json& config, const std::string& prefix, GgufWriter& writer,
                      std::vector<std::string>& notes) {
  const Json rope = RopeParameters(config);
  const std::string type = RopeType(rope);
  if (type == "default" || type == "mrope" || type == "llama3") return;
  if (type == "dynamic") {
    notes.push_back(fmt::format("GGUF has no dynamic rope scaling: the result is right for contexts up to {} tokens",
                                SizeOr(config, "max_position_embeddings", 2048)));
    return;
  }
  Require(type == "linear" || type == "yarn", "config: GGUF cannot express the rope scaling \"{}\"", type);
  const float factor = Number(rope, "factor");
  writer.Set(prefix + "rope.scaling.type", type);
  writer.Set(prefix + "rope.scaling.factor", factor);
  if (type == "linear") return;
  Require(Find(rope, "mscale") == nullptr && Find(rope, "mscale_all_dim") == nullptr,
          "config: GGUF cannot express \"mscale\" for this architecture");
  writer.Set(prefix + "rope.scaling.original_context_length",
             SizeOr(rope, "original_max_position_embeddings", SizeOr(config, "max_position_embeddings", 2048)));
  // GGUF's factor multiplies the paper's own 0.1 ln s + 1.
  if (Find(rope, "attention_factor") != nullptr) {
    writer.Set(prefix + "rope.scaling.attn_factor",
               Number(rope, "attention_factor") / (0.1f * std::log(factor) + 1.0f));
  }
  if (Find(rope, "beta_fast") != nullptr) writer.Set(prefix + "rope.scaling.yarn_beta_fast", Number(rope, "beta_fast"));
  if (Find(rope, "beta_slow") != nullptr) writer.Set(prefix + "rope.scaling.yarn_beta_slow", Number(rope, "beta_slow"));
}

// The pairs of a head that turn by time, by height, by width, and a fourth number that files have.
std::vector<int32_t> Sections(const Json& rope) {
  const Json* value = Find(rope, "mrope_section");
  Require(value != nullptr && value->is_array() && value->size() == 3, "config: no \"mrope_section\" of three counts");
  std::vector<int32_t> sections;
  for (const Json& count : *value) {
    Require(count.is_number_integer(), "config: \"mrope_section\" must be counts");
    sections.push_back(CheckedCast<int32_t>(count.get<int64_t>(), "mrope_section"));
  }
  sections.push_back(0);
  return sections;
}

}  // namespace

int64_t HeadSize(const Json& config) {
  return SizeOr(config, "head_dim", Size(config, "hidden_size") / Size(config, "num_attention_heads"));
}

std::vector<std::string> WriteConfig(const Json& config, GgufWriter& writer) {
  const Json* type = Find(config, "model_type");
  Require(type != nullptr && type->is_string(), "config: no \"model_type\". Is config.json beside the weights?");
  const std::string model_type = *type;
  const bool sees = model_type == "qwen2_vl" || model_type == "qwen2_5_vl" || model_type == "qwen2_vl_text" ||
                    model_type == "qwen2_5_vl_text";
  const bool latent = model_type == "deepseek_v2" || model_type == "deepseek_v3";
  const bool chameleon = IsChameleon(config);
  Require(model_type == "llama" || model_type == "qwen2" || sees || latent || chameleon,
          "config: models of type \"{}\" cannot be written as GGUF; llama, qwen2, qwen2_vl, qwen2_5_vl, deepseek_v2, "
          "deepseek_v3, kimi_vl, chameleon and anole can",
          model_type);
  const std::string architecture = sees ? "qwen2vl" : chameleon ? "chameleon" : model_type;
  const Json* activation = Find(config, "hidden_act");
  Require(activation == nullptr || *activation == "silu", "config: GGUF has no place for the activation {}",
          activation == nullptr ? "" : JsonText(*activation));
  if (latent) {
    WriteDeepseek2Config(config, writer);
    return {};
  }
  const std::string prefix = architecture + ".";
  const bool llama = architecture == "llama";
  std::vector<std::string> notes;
  writer.Set("general.architecture", architecture);
  writer.Set(prefix + "block_count", Size(config, "num_hidden_layers"));
  writer.Set(prefix + "context_length", SizeOr(config, "max_position_embeddings",
                                               llama       ? 2048
                                               : chameleon ? 4096
                                                           : 32768));
  writer.Set(prefix + "embedding_length", Size(config, "hidden_size"));
  writer.Set(prefix + "feed_forward_length", Size(config, "intermediate_size"));
  const uint32_t heads = Size(config, "num_attention_heads"), head_size = static_cast<uint32_t>(HeadSize(config));
  writer.Set(prefix + "attention.head_count", heads);
  writer.Set(prefix + "attention.head_count_kv", SizeOr(config, "num_key_value_heads", heads));
  if (uint64_t{head_size} * heads != Size(config, "hidden_size")) {
    writer.Set(prefix + "attention.key_length", head_size);
    writer.Set(prefix + "attention.value_length", head_size);
  }
  writer.Set(prefix + "rope.dimension_count", head_size);
  writer.Set(prefix + "rope.freq_base", NumberOr(RopeParameters(config), "rope_theta", 10000));
  writer.Set(prefix + "attention.layer_norm_rms_epsilon", NumberOr(config, "rms_norm_eps", 1e-6));
  if (Find(config, "vocab_size") != nullptr) writer.Set(prefix + "vocab_size", Size(config, "vocab_size"));
  if (sees) writer.Set(prefix + "rope.dimension_sections", Sections(RopeParameters(config)));
  if (chameleon) WriteChameleonKeys(config, writer);
  WriteRopeScaling(config, prefix, writer, notes);
  if (const Json* sliding = Find(config, "use_sliding_window"); sliding != nullptr && *sliding == true)
    notes.push_back("GGUF has no sliding window for this architecture: every layer will attend to the whole context");
  return notes;
}

Json TextConfig(const Json& config) {
  const Json* text = Find(config, "text_config");
  if (text == nullptr || !text->is_object()) return config;
  Json own = *text;
  if (const Json* tied = Find(config, "tie_word_embeddings")) own["tie_word_embeddings"] = *tied;
  if (Find(own, "model_type") == nullptr && config.contains("model_type")) own["model_type"] = config["model_type"];
  return own;
}

Tensor RopeFactors(const Json& config) {
  const Json rope = RopeParameters(config);
  if (RopeType(rope) != "llama3") return {};
  const double base = NumberOr(rope, "rope_theta", 10000), factor = Number(rope, "factor");
  const double low = Number(rope, "low_freq_factor"), high = Number(rope, "high_freq_factor");
  const double context = Number(rope, "original_max_position_embeddings");
  Require(factor > 0 && low > 0 && high > low && context > 0,
          "config: the rope parameters of type llama3 are not sane");
  const int64_t size = HeadSize(config);
  Tensor factors = Tensor::Empty({size / 2});
  const auto out = factors.mutable_data<float>();
  for (int64_t i = 0; i < size / 2; ++i) {
    const double frequency = std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(size));
    // Turns in the original context: fewer than `low` are stretched by `factor`, more than `high` stay.
    const double turns = context * frequency / (2 * std::numbers::pi);
    const double smooth = (turns - low) / (high - low);
    double divisor = 1 / ((1 - smooth) / factor + smooth);
    if (turns > high) divisor = 1;
    if (turns < low) divisor = factor;
    out[static_cast<size_t>(i)] = static_cast<float>(divisor);
  }
  return factors;
}

}  // namespace tessera::weights
