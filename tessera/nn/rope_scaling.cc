#include "tessera/nn/rope_scaling.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tessera/core/error.h"
#include "tessera/core/json_text.h"

namespace tessera::nn {
namespace {

// The member `key` of either object, the first that has it and is not null.
const Json* Member(const Json& a, const Json& b, const char* key) {
  for (const Json* object : {&a, &b}) {
    if (!object->is_object()) continue;
    const auto found = object->find(key);
    if (found != object->end() && !found->is_null()) return &*found;
  }
  return nullptr;
}

double PositiveNumber(const Json& value, const char* key) {
  Require(value.is_number(), "config: rope's {} must be a number, got {}", key, JsonText(value));
  const double number = value.get<double>();
  Require(std::isfinite(number) && number > 0 && number < 1e15, "config: rope's {} must be positive, got {}", key,
          number);
  return number;
}

std::vector<double> Factors(const Json* value, const char* key, int64_t count) {
  Require(value != nullptr && value->is_array() && std::ssize(*value) == count, "config: rope's {} must be {} numbers",
          key, count);
  std::vector<double> factors;
  for (const Json& entry : *value) factors.push_back(PositiveNumber(entry, key));
  return factors;
}

// Three counts of pairs, or nothing.
std::vector<int64_t> Sections(const Json* value, int64_t pairs) {
  if (value == nullptr) return {};
  std::vector<int64_t> sections;
  int64_t sum = 0;
  for (const Json& entry : *value) {
    const bool sane = entry.is_number_integer() && entry >= 0 && entry <= pairs;
    sections.push_back(sane ? entry.get<int64_t>() : -1);
    sum += sections.back();
  }
  Require(value->is_array() && sections.size() == 3 && std::ranges::min(sections) >= 0 && sum == pairs,
          "config: rope's mrope_section must be three counts that add up to {} pairs, got {}", pairs, JsonText(*value));
  return sections;
}

RopeType ReadType(const Json& rope) {
  const Json* type = Member(rope, rope, "rope_type");
  if (type == nullptr) type = Member(rope, rope, "type");
  if (type == nullptr) return RopeType::kDefault;
  const std::string name = type->is_string() ? type->get<std::string>() : JsonText(*type);
  // Qwen2-VL writes "mrope": the frequencies are the default ones, and only the positions have three rows.
  if (name == "default" || name == "mrope") return RopeType::kDefault;
  if (name == "linear") return RopeType::kLinear;
  if (name == "dynamic") return RopeType::kDynamic;
  if (name == "llama3") return RopeType::kLlama3;
  if (name == "yarn") return RopeType::kYarn;
  if (name == "longrope" || name == "su") return RopeType::kLongRope;
  if (name == "factors") return RopeType::kFactors;
  Fail("config: rope type \"{}\" is not known; known are default, linear, dynamic, llama3, yarn, longrope and factors",
       name);
}

// The pair that turns `turns` times in the original context: i with λ_i · turns = original.
double PairThatTurns(const RopeConfig& c, double turns) {
  return static_cast<double>(c.rotary_dim) * std::log(c.original_max_position / (turns * 2 * std::numbers::pi)) /
         (2 * std::log(c.theta));
}

double Llama3(const RopeConfig& c, double frequency) {
  const double wavelength = 2 * std::numbers::pi / frequency;
  if (wavelength < c.original_max_position / c.high_freq_factor) return frequency;
  if (wavelength > c.original_max_position / c.low_freq_factor) return frequency / c.factor;
  const double s =
      (c.original_max_position / wavelength - c.low_freq_factor) / (c.high_freq_factor - c.low_freq_factor);
  return (1 - s) * frequency / c.factor + s * frequency;
}

double Yarn(const RopeConfig& c, double frequency, int64_t pair) {
  double low = PairThatTurns(c, c.beta_fast), high = PairThatTurns(c, c.beta_slow);
  if (c.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(c.rotary_dim - 1));
  if (low == high) high += 0.001;  // a step instead of a division by zero
  const double e = 1 - std::clamp((static_cast<double>(pair) - low) / (high - low), 0.0, 1.0);
  return (1 - e) * frequency / c.factor + e * frequency;
}

double DynamicTheta(const RopeConfig& c, double length) {
  const double d = static_cast<double>(c.rotary_dim);
  if (length <= c.max_position || d <= 2) return c.theta;
  return c.theta * std::pow(c.factor * length / c.max_position - (c.factor - 1), d / (d - 2));
}

}  // namespace

RopeConfig ReadRopeConfig(const Json& config, int64_t head_dim) {
  static const Json kNone = Json::object();
  const Json* rope = Member(config, kNone, "rope_parameters");
  if (rope == nullptr) rope = Member(config, kNone, "rope_scaling");
  if (rope == nullptr) rope = &kNone;
  Require(rope->is_object(), "config: rope parameters must be an object, got {}", JsonText(*rope));
  const auto number = [&](const char* key, double otherwise) {
    const Json* value = Member(*rope, config, key);
    return value != nullptr ? PositiveNumber(*value, key) : otherwise;
  };
  const auto optional_number = [&](const char* key) -> std::optional<double> {
    const Json* value = Member(*rope, kNone, key);
    // DeepSeek writes mscale 0 for "none", which is what an absent key means.
    if (value == nullptr || (value->is_number() && value->get<double>() == 0)) return std::nullopt;
    return PositiveNumber(*value, key);
  };
  RopeConfig c;
  c.type = ReadType(*rope);
  c.theta = number("rope_theta", 10000);
  const double rotated = std::floor(static_cast<double>(head_dim) * number("partial_rotary_factor", 1));
  Require(rotated >= 2 && rotated <= static_cast<double>(head_dim) && std::fmod(rotated, 2) == 0,
          "config: rotary embedding needs an even number of values of the head's {}, got {}", head_dim, rotated);
  c.rotary_dim = static_cast<int64_t>(rotated);
  c.max_position = number("max_position_embeddings", 2048);
  c.original_max_position = number("original_max_position_embeddings", c.max_position);
  // Where no factor is given it is the stretch itself.
  c.factor = number("factor", c.max_position / c.original_max_position);
  c.low_freq_factor = number("low_freq_factor", 1);
  c.high_freq_factor = number("high_freq_factor", 4);
  Require(c.type != RopeType::kLlama3 || c.high_freq_factor > c.low_freq_factor,
          "config: rope's high_freq_factor {} must exceed its low_freq_factor {}", c.high_freq_factor,
          c.low_freq_factor);
  c.beta_fast = number("beta_fast", 32);
  c.beta_slow = number("beta_slow", 1);
  if (const Json* truncate = Member(*rope, kNone, "truncate"); truncate != nullptr && truncate->is_boolean())
    c.truncate = truncate->get<bool>();
  c.attention_factor = optional_number("attention_factor");
  c.mscale = optional_number("mscale");
  c.mscale_all_dim = optional_number("mscale_all_dim");
  if (c.type == RopeType::kLongRope) {
    c.short_factor = Factors(Member(*rope, kNone, "short_factor"), "short_factor", c.rotary_dim / 2);
    c.long_factor = Factors(Member(*rope, kNone, "long_factor"), "long_factor", c.rotary_dim / 2);
  }
  c.sections = Sections(Member(*rope, kNone, "mrope_section"), c.rotary_dim / 2);
  if (c.type == RopeType::kFactors) c.factors = Factors(Member(*rope, kNone, "factors"), "factors", c.rotary_dim / 2);
  return c;
}

std::vector<float> InverseFrequencies(const RopeConfig& c, int64_t length) {
  Require(c.rotary_dim >= 2 && c.rotary_dim % 2 == 0, "rope: {} values cannot turn in pairs", c.rotary_dim);
  const double n = static_cast<double>(length);
  const double theta = c.type == RopeType::kDynamic ? DynamicTheta(c, n) : c.theta;
  std::vector<float> frequencies;
  for (int64_t i = 0; i < c.rotary_dim / 2; ++i) {
    double frequency = std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(c.rotary_dim));
    const auto pair = static_cast<size_t>(i);
    if (c.type == RopeType::kLinear) frequency /= c.factor;
    if (c.type == RopeType::kLlama3) frequency = Llama3(c, frequency);
    if (c.type == RopeType::kYarn) frequency = Yarn(c, frequency, i);
    if (c.type == RopeType::kLongRope)
      frequency /= n > c.original_max_position ? c.long_factor[pair] : c.short_factor[pair];
    if (c.type == RopeType::kFactors) frequency /= c.factors[pair];
    frequencies.push_back(static_cast<float>(frequency));
  }
  return frequencies;
}

float AttentionFactor(const RopeConfig& c) {
  if (c.type != RopeType::kYarn && c.type != RopeType::kLongRope) return 1;
  if (c.attention_factor) return static_cast<float>(*c.attention_factor);
  if (c.type == RopeType::kLongRope) {
    const double stretch =
        c.max_position > c.original_max_position ? c.max_position / c.original_max_position : c.factor;
    if (stretch <= 1) return 1;
    return static_cast<float>(std::sqrt(1 + std::log(stretch) / std::log(c.original_max_position)));
  }
  if (c.mscale && c.mscale_all_dim)
    return static_cast<float>(YarnMscale(c.factor, *c.mscale) / YarnMscale(c.factor, *c.mscale_all_dim));
  return static_cast<float>(YarnMscale(c.factor, 1));
}

double YarnMscale(double scale, double m) { return scale <= 1 ? 1 : 0.1 * m * std::log(scale) + 1; }

}  // namespace tessera::nn
