#pragma once
// The frequencies of rotary embedding, and the rules that stretch them beyond the context a model was trained for.
//
//   d     rotary_dim: values of a head that turn, in d/2 pairs
//   θ_i = theta^(-2i/d), i = 0 … d/2 - 1: pair i turns by p · θ_i at position p            (Su et al. 2021, eq. 15)
//
//   default    θ_i
//   linear     θ_i / factor                                                                (Chen et al. 2023)
//   dynamic    theta grows with the length n of the sequence, once n > max_position:
//              theta' = theta · (factor · n / max_position - (factor - 1))^(d / (d - 2))
//   llama3     by wavelength λ_i = 2π / θ_i and original = original_max_position:
//              λ_i < original / high_freq_factor: θ_i;  λ_i > original / low_freq_factor: θ_i / factor;
//              between: (1 - s) θ_i / factor + s θ_i, s = (original / λ_i - low) / (high - low)
//   yarn       (1 - e_i) θ_i / factor + e_i θ_i, e_i = 1 - clamp((i - low) / (high - low), 0, 1), where low and high
//              are the pairs that turn beta_fast and beta_slow times in `original` positions; cos and sin are
//              multiplied by the attention factor                                                     (Peng et al.
//              2023)
//   longrope   θ_i / short_factor_i while n <= original, else θ_i / long_factor_i; attention factor
//              sqrt(1 + ln(factor) / ln(original))                                         (Ding et al. 2024)
//   factors    θ_i / factors_i: what a GGUF file holds of llama3
//
// Where a token has three positions p_0, p_1, p_2 (time, height, width), `sections` s_0, s_1, s_2 parts the pairs among
// them: the first s_0 pairs turn by p_0, the next s_1 by p_1, the last by p_2            (Wang et al. 2024, M-RoPE)

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/tensor.h"

namespace tessera::nn {

enum class RopeType : uint8_t { kDefault, kLinear, kDynamic, kLlama3, kYarn, kLongRope, kFactors };

struct RopeConfig {
  RopeType type = RopeType::kDefault;
  int64_t rotary_dim = 0;  // d, even
  double theta = 10000;
  double factor = 1;
  double max_position = 0;           // max_position_embeddings
  double original_max_position = 0;  // positions of the training before stretching
  double low_freq_factor = 1, high_freq_factor = 4;
  double beta_fast = 32, beta_slow = 1;
  bool truncate = true;                           // yarn: round low down and high up to whole pairs
  std::optional<double> attention_factor;         // given in the config, else computed
  std::optional<double> mscale, mscale_all_dim;   // yarn of DeepSeek
  std::vector<double> short_factor, long_factor;  // longrope: d/2 each
  std::vector<double> factors;                    // factors: d/2
  std::vector<int64_t> sections;                  // empty, or three that add up to d/2
};

// From a model's config.json, in the style of transformers 5 (`rope_parameters`) or before (`rope_theta` and
// `rope_scaling`); the type's key is `rope_type` or `type`. `head_dim` times partial_rotary_factor gives rotary_dim.
// Throws Error for an unknown type or a number that makes no sense; names the key.
RopeConfig ReadRopeConfig(const Json& config, int64_t head_dim);

// θ_i, i = 0 … d/2 - 1, for a sequence of `length` positions (only dynamic and longrope look at it).
std::vector<float> InverseFrequencies(const RopeConfig& config, int64_t length);

inline bool LooksAtLength(const RopeConfig& config) {
  return config.type == RopeType::kDynamic || config.type == RopeType::kLongRope;
}

// What cos and sin are multiplied by; 1 except for yarn and longrope.
//   yarn: mscale(factor, mscale) / mscale(factor, mscale_all_dim) if both are given, else mscale(factor, 1)
float AttentionFactor(const RopeConfig& config);

// mscale(s, m) = 0.1 m ln(s) + 1 for s > 1, else 1: DeepSeek's models also scale the softmax by its square.
double YarnMscale(double scale, double m);

}  // namespace tessera::nn
