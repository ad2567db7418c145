#include "tessera/cli/sampling_flags.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <random>

#include "tessera/core/error.h"

namespace tessera::cli {
namespace {

void ApplyBias(const std::string& text, infer::SamplingOptions& options) {
  const size_t equals = text.find('=');
  Require(equals != std::string::npos, "--logit-bias: \"{}\" is not ID=BIAS, for example 42=-1.5 or 42=-inf", text);
  int32_t id = 0;
  const char* const id_end = text.data() + equals;
  const auto parsed_id = std::from_chars(text.data(), id_end, id);
  float bias = 0;
  const char* const end = text.data() + text.size();
  const auto parsed_bias = std::from_chars(id_end + 1, end, bias);
  Require(
      parsed_id.ec == std::errc() && parsed_id.ptr == id_end && parsed_bias.ec == std::errc() && parsed_bias.ptr == end,
      "--logit-bias: \"{}\" is not ID=BIAS, for example 42=-1.5 or 42=-inf", text);
  options.logit_bias[id] = bias;
}

// Sets `value` from the config's number of that name, if there is one.
template <typename T>
void FromConfig(const Json& config, const char* key, T& value) {
  const auto found = config.find(key);
  if (found == config.end() || !found->is_number()) return;
  const auto number = found->get<double>();
  // 2^62 is more than any of these can mean, and converts to each of their types.
  Require(std::abs(number) < 0x1p62, "generation_config: \"{}\" is {}, which is out of range", key, number);
  value = static_cast<T>(number);
}

template <typename T>
void FromFlag(const std::optional<T>& flag, T& value) {
  if (flag) value = *flag;
}

}  // namespace

void AddSamplingFlags(CLI::App& command, SamplingFlags& f) {
  const char* const group = "Sampling";
  const auto add = [&](const std::string& name, auto& value, const std::string& text) {
    command.add_option(name, value, text)->group(group);
  };
  add("--temperature,--temp", f.temperature, "0 takes the most likely token; higher is more varied");
  add("--top-k", f.top_k, "Draw from the K most likely tokens only (0: all)");
  add("--top-p", f.top_p, "Draw from the fewest tokens whose probabilities reach P");
  add("--min-p", f.min_p, "Drop tokens less than P times as likely as the likeliest");
  add("--typical-p", f.typical_p, "Locally typical sampling with mass P");
  add("--repetition-penalty", f.repetition_penalty, "Divide the logits of tokens seen before (1: off)");
  add("--repetition-window", f.repetition_window, "How many of the newest tokens count as seen (0: all)");
  add("--presence-penalty", f.presence_penalty, "Subtract once from tokens that the answer has already");
  add("--frequency-penalty", f.frequency_penalty, "Subtract for each time that the answer has a token");
  add("--logit-bias", f.logit_bias, "ID=BIAS, added to one token's logit; may be given several times");
  add("--seed", f.seed, "The same seed draws the same answer");
  add("--stop", f.stop, "End the answer before this text; may be given several times");
}

infer::SamplingOptions ResolveSampling(const SamplingFlags& f, const Json& config,
                                       const infer::SamplingOptions& defaults) {
  infer::SamplingOptions o = defaults;
  if (config.is_object()) {
    // A checkpoint that says how to sample says it as a whole.
    if (config.contains("temperature") || config.contains("top_p") || config.contains("top_k"))
      o.repetition_penalty = 1;
    FromConfig(config, "temperature", o.temperature);
    FromConfig(config, "top_k", o.top_k);
    FromConfig(config, "top_p", o.top_p);
    FromConfig(config, "min_p", o.min_p);
    FromConfig(config, "typical_p", o.typical_p);
    FromConfig(config, "repetition_penalty", o.repetition_penalty);
    const auto sample = config.find("do_sample");
    if (sample != config.end() && sample->is_boolean() && !sample->get<bool>()) o.temperature = 0;
  }
  FromFlag(f.temperature, o.temperature);
  FromFlag(f.top_k, o.top_k);
  FromFlag(f.top_p, o.top_p);
  FromFlag(f.min_p, o.min_p);
  FromFlag(f.typical_p, o.typical_p);
  FromFlag(f.repetition_penalty, o.repetition_penalty);
  FromFlag(f.repetition_window, o.repetition_window);
  FromFlag(f.presence_penalty, o.presence_penalty);
  FromFlag(f.frequency_penalty, o.frequency_penalty);
  for (const std::string& bias : f.logit_bias) ApplyBias(bias, o);
  o.seed = f.seed ? *f.seed : std::random_device{}();
  CheckSampling(o);
  return o;
}

}  // namespace tessera::cli
