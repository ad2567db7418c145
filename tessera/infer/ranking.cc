#include "tessera/infer/ranking.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace tessera::infer {
namespace {

constexpr size_t kStretch = 64;  // logits that are looked at together

// e^x for x <= 0 to within 2^-20 of itself, 0 or nearly so below e^-87. Without a branch, so that a loop of it becomes
// vectors: e^x = 2^n 2^r, n the nearest integer to x log2 e, which adding 1.5 · 2^23 leaves in the lowest bits.
float FastExp(float x) {
  constexpr float kNearest = 12582912, kLog2E = 1.44269504f;
  const float y = std::max(x * kLog2E, -126.0f);
  const float shifted = y + kNearest, r = y - (shifted - kNearest);
  float q = 0.0013264727f;
  q = q * r + 0.009671513f;
  q = q * r + 0.055507336f;
  q = q * r + 0.24022242f;
  q = q * r + 0.693147f;
  const float mantissa = q * r + 1.0f;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(mantissa) + (std::bit_cast<uint32_t>(shifted) << 23));
}

}  // namespace

bool MoreLikely(const Candidate& a, const Candidate& b) {
  return a.probability != b.probability ? a.probability > b.probability : a.id < b.id;
}

Ranking::Ranking(std::span<const float> z, float largest, float temperature)
    : z_(z), largest_(largest), temperature_(temperature) {}

// Bands are sorted apart. A stretch of logits of which none is in the band, as nearly all are, costs a few comparisons
// of vectors.
bool Ranking::More() {
  const size_t before = tokens_.size();
  const double scale = 1 / temperature_;
  const auto largest = static_cast<float>(largest_);
  for (; band_ < kBands.size() && tokens_.size() == before; ++band_) {
    const float low = Bound(band_), high = band_ == 0 ? largest : Bound(band_ - 1);
    const auto within = [&](float z) {
      if (z == largest) return band_ == 0;
      return z > low && (band_ == 0 || z <= high);
    };
    for (size_t begin = 0; begin < z_.size(); begin += kStretch) {
      const size_t end = std::min(begin + kStretch, z_.size());
      int some = 0;
      for (size_t i = begin; i < end; ++i) some |= z_[i] > low || z_[i] == largest;
      if (some == 0) continue;
      for (size_t i = begin; i < end; ++i) {
        if (!within(z_[i])) continue;
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
  const float low = Bound(band_ - 1), largest = static_cast<float>(largest_);
  const auto scale = static_cast<float>(1 / temperature_);
  double sum = 0;
  for (size_t begin = 0; begin < z_.size(); begin += kStretch) {
    const size_t end = std::min(begin + kStretch, z_.size());
    std::array<float, 4> sums{};
    const auto weight = [&](size_t i) {
      return z_[i] > low || z_[i] == largest ? 0.0f : FastExp((z_[i] - largest) * scale);
    };
    size_t i = begin;
    for (; i + sums.size() <= end; i += sums.size())
      for (size_t lane = 0; lane < sums.size(); ++lane) sums[lane] += weight(i + lane);
    for (; i < end; ++i) sums[0] += weight(i);
    sum += static_cast<double>((sums[0] + sums[1]) + (sums[2] + sums[3]));
  }
  return sum;
}

}  // namespace tessera::infer
