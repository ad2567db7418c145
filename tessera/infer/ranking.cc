#include "tessera/infer/ranking.h"

#include <algorithm>
#include <cmath>

#include "tessera/kernels/softmax.h"

namespace tessera::infer {
namespace {

constexpr size_t kStretch = 64;  // logits that are looked at together

}  // namespace

bool MoreLikely(const Candidate& a, const Candidate& b) {
  return a.probability != b.probability ? a.probability > b.probability : a.id < b.id;
}

Ranking::Ranking(std::span<const float> z, float largest, float temperature)
    : z_(z), largest_(largest), temperature_(temperature) {}

float Ranking::Bound(size_t band) const {
  const auto bound = static_cast<float>(largest_ - kBands[band] * temperature_);
  return std::min(bound, std::nextafter(static_cast<float>(largest_), -INFINITY));
}

// Bands are sorted apart. A stretch of logits of which none is in the band, as nearly all are, costs a few comparisons
// of vectors.
bool Ranking::More() {
  const size_t before = tokens_.size();
  const double scale = 1 / temperature_;
  const auto largest = static_cast<float>(largest_);
  for (; band_ < kBands.size() && tokens_.size() == before; ++band_) {
    const float low = Bound(band_), high = band_ == 0 ? largest : Bound(band_ - 1);
    for (size_t begin = 0; begin < z_.size(); begin += kStretch) {
      const size_t end = std::min(begin + kStretch, z_.size());
      int some = 0;
      for (size_t i = begin; i < end; ++i) some |= z_[i] > low;
      if (some == 0) continue;
      for (size_t i = begin; i < end; ++i) {
        if (!(z_[i] > low && z_[i] <= high)) continue;
        const double exponent = z_[i] == largest ? 0.0 : (static_cast<double>(z_[i]) - largest_) * scale;
        if (exponent > -kBands.back()) tokens_.push_back({static_cast<int32_t>(i), std::exp(exponent)});
      }
    }
  }
  std::sort(tokens_.begin() + static_cast<std::ptrdiff_t>(before), tokens_.end(), MoreLikely);
  return tokens_.size() > before;
}

void Ranking::Cut(size_t count) {
  tokens_.resize(std::min(count, tokens_.size()));
  band_ = kBands.size();
  total_ = 0;
  for (const Candidate& token : tokens_) total_ += token.probability;
}

double Ranking::Total() {
  if (total_ >= 0) return total_;
  if (tokens_.empty()) More();
  total_ = Rest();
  for (const Candidate& token : tokens_) total_ += token.probability;
  return total_;
}

// The weights of tokens that no band has brought yet.
double Ranking::Rest() const {
  if (band_ == kBands.size() || !std::isfinite(largest_)) return 0;
  return kernels::ExpSum(z_, static_cast<float>(largest_), static_cast<float>(1 / temperature_), Bound(band_ - 1));
}

}  // namespace tessera::infer
