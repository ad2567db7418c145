#pragma once
// The tokens of a vocabulary from the likeliest down, as far as they are wanted. An answer is drawn from the first few
// of a hundred thousand; sorting all of them takes longer than a small model takes to compute them.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tessera::infer {

struct Candidate {
  int32_t id;
  double probability;
};

// A token before another: the likelier first, of equal ones the lower id.
bool MoreLikely(const Candidate& a, const Candidate& b);

// Tokens by their weight exp((z - largest) / temperature), which is 1 for the likeliest. Those whose weight is below
// exp(-104), about the smallest float, are left out: they are never drawn.
class Ranking {
 public:
  // `z` [V] has no NaN, outlives this and has `largest` as its largest logit, above -inf; the temperature is above 0.
  Ranking(std::span<const float> z, float largest, float temperature);

  // Those brought so far, likeliest first; `probability` is the weight.
  const std::vector<Candidate>& tokens() const { return tokens_; }
  // Brings the next ones; false if none are left.
  bool More();
  // The first `count` of the tokens are all that there are from now on.
  void Cut(size_t count);
  // The weights of all, brought or not; of the latter to within 1e-6.
  double Total();

 private:
  // How far bands reach below the largest logit, in units of the temperature.
  static constexpr std::array<double, 4> kBands = {3, 8, 20, 104};

  float Bound(size_t band) const;  // of the logits above it; below the largest one
  double Rest() const;

  std::span<const float> z_;
  double largest_, temperature_;
  std::vector<Candidate> tokens_;
  size_t band_ = 0;    // the next one
  double total_ = -1;  // negative: not known
};

}  // namespace tessera::infer
