#include "tessera/weights/summary.h"

#include "tessera/core/checked.h"
#include "tessera/core/json_text.h"

namespace tessera::weights {
namespace {

std::optional<int64_t> Size(const Json& config, const char* key, std::string_view where) {
  const auto value = config.find(key);
  if (value == config.end() || value->is_null()) return std::nullopt;
  const bool fits = value->is_number_integer() && (!value->is_number_unsigned() || value->get<uint64_t>() <= INT64_MAX);
  Require(fits && value->get<int64_t>() >= 0, "{}: \"{}\" is {}, not a size", where, key, JsonText(*value));
  return value->get<int64_t>();
}

}  // namespace

std::optional<int64_t> Summary::CacheBytes(int64_t context, double bytes_per_value) const {
  if (!layers || !cached_values) return std::nullopt;
  int64_t values = context;
  for (const int64_t factor : {*layers, *cached_values})
    values = CheckedMul(values, factor, "inspect: memory for the context");
  const double total = static_cast<double>(values) * bytes_per_value;
  Require(total < 9e18, "inspect: memory for the context overflows");
  return static_cast<int64_t>(total);
}

Summary Summarize(const Checkpoint& checkpoint) {
  Summary summary;
  const std::string where = checkpoint.path().string();
  for (const TensorInfo& info : checkpoint.tensors()) {
    DTypeShare& share = summary.dtypes[info.dtype];
    share.tensors += 1;
    share.values = CheckedAdd(share.values, info.shape.numel(), where);
    share.bytes += info.bytes;
    summary.parameters = CheckedAdd(summary.parameters, info.shape.numel(), where);
    summary.bytes += info.bytes;
  }
  const Json& config = checkpoint.config();
  if (const auto type = config.find("model_type"); type != config.end() && type->is_string()) summary.family = *type;
  // A vision-language model keeps its language model's sizes one level down.
  const auto nested = config.find("text_config");
  const Json& text = nested != config.end() && nested->is_object() ? *nested : config;
  summary.layers = Size(text, "num_hidden_layers", where);
  summary.hidden = Size(text, "hidden_size", where);
  summary.heads = Size(text, "num_attention_heads", where);
  summary.kv_heads = Size(text, "num_key_value_heads", where);
  summary.head_dim = Size(text, "head_dim", where);
  summary.ffn = Size(text, "intermediate_size", where);
  summary.vocabulary = Size(text, "vocab_size", where);
  summary.max_context = Size(text, "max_position_embeddings", where);
  if (!summary.kv_heads) summary.kv_heads = summary.heads;
  if (!summary.head_dim && summary.hidden && summary.heads.value_or(0) > 0)
    summary.head_dim = *summary.hidden / *summary.heads;
  summary.latent = Size(text, "kv_lora_rank", where);
  const char* what = "inspect: values in the cache";
  if (summary.latent)  // the latent, which is the value too, and the rotary part of the key
    summary.cached_values = CheckedAdd(*summary.latent, Size(text, "qk_rope_head_dim", where).value_or(0), what);
  else if (summary.kv_heads && summary.head_dim)
    summary.cached_values = CheckedMul(int64_t{2}, CheckedMul(*summary.kv_heads, *summary.head_dim, what), what);
  const auto tied = config.find("tie_word_embeddings");
  summary.tied = tied != config.end() && tied->is_boolean() && tied->get<bool>();
  return summary;
}

}  // namespace tessera::weights
