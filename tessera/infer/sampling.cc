#include "tessera/infer/sampling.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <unordered_map>

#include "tessera/core/error.h"
#include "tessera/core/random.h"

namespace tessera::infer {
namespace {

constexpr float kNegInf = -std::numeric_limits<float>::infinity();

// Step 0.
std::vector<float> Allowed(std::span<const float> logits, int64_t length, const SamplingOptions& options) {
  std::vector<float> z(logits.begin(), logits.end());
  const auto in_vocabulary = [&](int32_t id) { return id >= 0 && static_cast<size_t>(id) < z.size(); };
  if (!options.allowed.empty()) {
    std::ranges::fill(z, kNegInf);
    for (const int32_t id : options.allowed)
      if (in_vocabulary(id)) z[static_cast<size_t>(id)] = logits[static_cast<size_t>(id)];
  }
  for (const auto& [id, from] : options.blocked_from)
    if (in_vocabulary(id) && length >= from) z[static_cast<size_t>(id)] = kNegInf;
  return z;
}

// Steps 0 to 2.
std::vector<float> Penalised(std::span<const float> logits, std::span<const int32_t> history, int64_t answer_begin,
                             const SamplingOptions& options) {
  std::vector<float> z = Allowed(logits, std::ssize(history), options);
  const auto in_vocabulary = [&](int32_t id) { return id >= 0 && static_cast<size_t>(id) < z.size(); };
  for (const auto& [id, bias] : options.logit_bias) {
    if (in_vocabulary(id)) z[static_cast<size_t>(id)] += bias;
  }
  if (options.repetition_penalty != 1) {
    auto seen = history;
    if (options.repetition_window > 0 && std::ssize(seen) > options.repetition_window) {
      seen = seen.last(static_cast<size_t>(options.repetition_window));
    }
    std::vector<int32_t> once(seen.begin(), seen.end());
    std::ranges::sort(once);
    once.erase(std::unique(once.begin(), once.end()), once.end());
    for (const int32_t id : once) {
      if (!in_vocabulary(id)) continue;
      float& value = z[static_cast<size_t>(id)];
      value = value > 0 ? value / options.repetition_penalty : value * options.repetition_penalty;
    }
  }
  if (options.presence_penalty != 0 || options.frequency_penalty != 0) {
    std::unordered_map<int32_t, int> counts;
    for (const int32_t id : history.subspan(static_cast<size_t>(answer_begin))) ++counts[id];
    for (const auto& [id, count] : counts) {
      if (!in_vocabulary(id)) continue;
      z[static_cast<size_t>(id)] -= options.presence_penalty + options.frequency_penalty * static_cast<float>(count);
    }
  }
  return z;
}

bool ChangesLogits(const SamplingOptions& o) {
  return !o.allowed.empty() || !o.blocked_from.empty() || !o.logit_bias.empty() || o.repetition_penalty != 1 ||
         o.presence_penalty != 0 || o.frequency_penalty != 0;
}

// The largest logit; the lowest id on a tie. Throws if there is none. Every answered token reads the whole vocabulary
// here, so the loop has no branch: sixteen running maxima, and whether anything was not a number.
int32_t Largest(std::span<const float> z) {
  constexpr size_t kLanes = 16;
  std::array<float, kLanes> lanes;
  std::array<int32_t, kLanes> nans = {};
  lanes.fill(kNegInf);
  const auto look = [&](size_t lane, float value) {
    lanes[lane] = value > lanes[lane] ? value : lanes[lane];
    nans[lane] |= value != value;
  };
  size_t i = 0;
  for (; i + kLanes <= z.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) look(lane, z[i + lane]);
  }
  for (; i < z.size(); ++i) look(i % kLanes, z[i]);
  if (std::ranges::any_of(nans, [](int32_t nan) { return nan != 0; })) {
    const auto nan = std::ranges::find_if(z, [](float value) { return std::isnan(value); });
    Fail("sampling: the logit of token {} is not a number; the weights or the input are damaged", nan - z.begin());
  }
  const float largest = *std::ranges::max_element(lanes);
  Require(largest != kNegInf, "sampling: no token is allowed (all {} logits are -inf)", z.size());
  return static_cast<int32_t>(std::ranges::find(z, largest) - z.begin());
}

void Normalise(std::vector<Candidate>& candidates) {
  double sum = 0;
  for (const Candidate& c : candidates) sum += c.probability;
  for (Candidate& c : candidates) c.probability /= sum;
}

// The fewest of the likeliest tokens whose weights reach `mass`, at least one.
size_t CountReaching(Ranking& ranking, double mass) {
  double sum = 0;
  for (size_t i = 0;; ++i) {
    if (i == ranking.tokens().size() && !ranking.More()) return i;
    sum += ranking.tokens()[i].probability;
    if (sum >= mass) return i + 1;
  }
}

// Steps 4 to 6, each of which keeps the first tokens of those that it finds.
void KeepLikeliest(Ranking& ranking, const SamplingOptions& options) {
  const auto& tokens = ranking.tokens();
  if (options.top_k > 0) {
    while (std::ssize(tokens) < options.top_k && ranking.More()) continue;
    ranking.Cut(static_cast<size_t>(options.top_k));
  }
  if (options.top_p < 1) {
    const double mass = options.top_p * ranking.Total();
    ranking.Cut(CountReaching(ranking, mass));
  }
  if (options.min_p > 0) {
    const auto below = [&](const Candidate& c) { return c.probability < options.min_p; };  // the likeliest one's is 1
    while ((tokens.empty() || !below(tokens.back())) && ranking.More()) continue;
    ranking.Cut(static_cast<size_t>(std::ranges::find_if(tokens, below) - tokens.begin()));
  }
}

// Step 7, of all that is left: order by | -ln p - H |, keep the prefix that reaches p, restore the order.
void KeepTypical(std::vector<Candidate>& candidates, double mass) {
  double entropy = 0;
  for (const Candidate& c : candidates) {
    if (c.probability > 0) entropy -= c.probability * std::log(c.probability);
  }
  const auto distance = [&](const Candidate& c) { return std::abs(-std::log(c.probability) - entropy); };
  std::ranges::stable_sort(candidates,
                           [&](const Candidate& a, const Candidate& b) { return distance(a) < distance(b); });
  double sum = 0;
  const auto last =
      std::ranges::find_if(candidates, [&](const Candidate& c) { return (sum += c.probability) >= mass; });
  if (last != candidates.end()) candidates.erase(last + 1, candidates.end());
  std::ranges::sort(candidates, MoreLikely);
}

// Steps 3 to 7 for a temperature above 0, every token.
std::vector<Candidate> Distribution(Ranking& ranking, const SamplingOptions& options) {
  KeepLikeliest(ranking, options);
  while (ranking.More()) continue;
  std::vector<Candidate> candidates = ranking.tokens();
  Normalise(candidates);
  if (options.typical_p < 1) {
    KeepTypical(candidates, options.typical_p);
    Normalise(candidates);
  }
  return candidates;
}

Ranking RankingOf(std::span<const float> z, const SamplingOptions& options) {
  return Ranking(z, z[static_cast<size_t>(Largest(z))], options.temperature);
}

}  // namespace

bool TakesLikeliest(const SamplingOptions& options) { return options.temperature == 0 && !ChangesLogits(options); }

void CheckSampling(const SamplingOptions& o) {
  const auto finite = [](float x) { return std::isfinite(x); };
  Require(finite(o.temperature) && o.temperature >= 0, "temperature: {} is not a number from 0 up", o.temperature);
  Require(o.top_k >= 0, "top_k: {} is below 0 (0 means all tokens)", o.top_k);
  Require(o.top_p > 0 && o.top_p <= 1, "top_p: {} is not above 0 and at most 1", o.top_p);
  Require(o.min_p >= 0 && o.min_p <= 1, "min_p: {} is not between 0 and 1", o.min_p);
  Require(o.typical_p > 0 && o.typical_p <= 1, "typical_p: {} is not above 0 and at most 1", o.typical_p);
  Require(finite(o.repetition_penalty) && o.repetition_penalty > 0, "repetition_penalty: {} is not above 0",
          o.repetition_penalty);
  Require(o.repetition_window >= 0, "repetition_window: {} is below 0 (0 means all tokens)", o.repetition_window);
  Require(finite(o.presence_penalty), "presence_penalty: {} is not finite", o.presence_penalty);
  Require(finite(o.frequency_penalty), "frequency_penalty: {} is not finite", o.frequency_penalty);
  for (const int32_t id : o.allowed) Require(id >= 0, "allowed: {} is not a token", id);
  for (const auto& [id, bias] : o.logit_bias) {
    Require(id >= 0 && !std::isnan(bias), "logit_bias: token {} with bias {} is not a token and a number", id, bias);
  }
}

std::vector<Candidate> SamplingDistribution(std::span<const float> logits, std::span<const int32_t> history,
                                            int64_t answer_begin, const SamplingOptions& options) {
  const std::vector<float> z = Penalised(logits, history, answer_begin, options);
  if (options.temperature == 0) return {{Largest(z), 1.0}};
  Ranking ranking = RankingOf(z, options);
  return Distribution(ranking, options);
}

int32_t SampleToken(std::span<const float> logits, std::span<const int32_t> history, int64_t answer_begin,
                    const SamplingOptions& options) {
  if (TakesLikeliest(options)) return Largest(logits);
  const std::vector<float> z = Penalised(logits, history, answer_begin, options);
  if (options.temperature == 0) return Largest(z);
  Random random(options.seed);
  random.Seek(2 * history.size());  // two 32-bit words a position
  const double u = random.Uniform();
  Ranking ranking = RankingOf(z, options);
  if (options.typical_p == 1) {
    KeepLikeliest(ranking, options);
    const double mass = u * ranking.Total();
    double sum = 0;
    for (size_t i = 0; i < ranking.tokens().size() || ranking.More(); ++i) {
      sum += ranking.tokens()[i].probability;
      if (mass < sum) return ranking.tokens()[i].id;
    }
    return ranking.tokens().back().id;  // weights reach their total only up to rounding
  }
  const std::vector<Candidate> candidates = Distribution(ranking, options);
  double sum = 0;
  for (const Candidate& candidate : candidates)
    if (u < (sum += candidate.probability)) return candidate.id;
  return candidates.back().id;
}

}  // namespace tessera::infer
