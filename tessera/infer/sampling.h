#pragma once
// From logits to a token.
//
// The steps, in order; each is off at its default:
//   0. allowed             z[id] = -inf for every other id; for those of blocked_from once the history is that long
//   1. logit_bias          z[id] += bias
//   2. repetition          z > 0 ? z / r : z · r for every id seen so far       (Keskar et al. 2019, section 4.1)
//      presence, frequency z -= presence + frequency · count of the id in the answer
//   3. temperature         z / t; t = 0 means the largest logit (the lowest id on a tie) and ends here
//   4. top_k               keep the k most likely
//   5. top_p               keep the fewest most likely whose probabilities reach p   (Holtzman et al. 2020,
//   section 3.1)
//   6. min_p               keep those at least min_p times as likely as the likeliest (Nguyen et al. 2024)
//   7. typical_p           keep the fewest, nearest first to the entropy, whose probabilities reach p
//                                                                              (Meister et al. 2022, section 4)
//   8. draw                one uniform number of the Philox stream (seed, position)
// At least one token always remains. The number drawn at a position depends on the seed and the position alone, so
// every decoding strategy draws the same answer.

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "tessera/infer/ranking.h"

namespace tessera::infer {

struct SamplingOptions {
  float temperature = 0;
  int64_t top_k = 0;  // 0: all
  float top_p = 1;
  float min_p = 0;
  float typical_p = 1;
  float repetition_penalty = 1;
  int64_t repetition_window = 0;  // how many of the newest tokens count as seen; 0: all
  float presence_penalty = 0;
  float frequency_penalty = 0;
  std::map<int32_t, float> logit_bias;
  std::vector<int32_t> allowed;             // none: all
  std::map<int32_t, int64_t> blocked_from;  // id -> tokens of prompt and answer from which on it is not drawn
  uint64_t seed = 0;
};

// Whether the token is the likeliest, whatever the history is: step 3 alone.
bool TakesLikeliest(const SamplingOptions& options);

// Throws Error that names the option if one is outside its range (temperature >= 0, 0 < top_p <= 1, …).
void CheckSampling(const SamplingOptions& options);

// The token after `history` (prompt and answer; the answer begins at `answer_begin`), given its logits [V].
// Throws Error if a logit is NaN or all are -inf.
int32_t SampleToken(std::span<const float> logits, std::span<const int32_t> history, int64_t answer_begin,
                    const SamplingOptions& options);

// Tokens and their probabilities after steps 0 to 7, most likely first. For tests and for showing alternatives.
std::vector<Candidate> SamplingDistribution(std::span<const float> logits, std::span<const int32_t> history,
                                            int64_t answer_begin, const SamplingOptions& options);

}  // namespace tessera::infer
