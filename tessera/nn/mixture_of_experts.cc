#include "tessera/nn/mixture_of_experts.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>

#include "tessera/ops/elementwise.h"
#include "tessera/ops/gather.h"
#include "tessera/ops/reduce.h"
#include "tessera/ops/softmax.h"
#include "tessera/ops/view.h"

namespace tessera::nn {
namespace {

// The `count` greatest of `values`, as indices in ascending order; of equal ones the first.
std::vector<int64_t> Greatest(std::span<const float> values, int64_t count) {
  std::vector<int64_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return values[static_cast<size_t>(a)] > values[static_cast<size_t>(b)];
  });
  order.resize(static_cast<size_t>(count));
  std::sort(order.begin(), order.end());
  return order;
}

// What choosing looks at, for one token: experts outside the best groups become -inf.
void KeepBestGroups(const MixtureOfExpertsShape& shape, std::span<float> scores) {
  if (shape.groups == 1) return;
  const size_t size = scores.size() / static_cast<size_t>(shape.groups);
  std::vector<float> worth;
  for (size_t begin = 0; begin < scores.size(); begin += size) {
    std::vector<float> group(scores.begin() + static_cast<std::ptrdiff_t>(begin),
                             scores.begin() + static_cast<std::ptrdiff_t>(begin + size));
    std::sort(group.begin(), group.end(), std::greater<>());
    worth.push_back(shape.corrected && size > 1 ? group[0] + group[1] : group[0]);
  }
  const std::vector<int64_t> kept = Greatest(worth, shape.kept_groups);
  for (size_t e = 0; e < scores.size(); ++e)
    if (!std::binary_search(kept.begin(), kept.end(), static_cast<int64_t>(e / size)))
      scores[e] = -std::numeric_limits<float>::infinity();
}

}  // namespace

MixtureOfExperts::MixtureOfExperts(const Scope& s, const MixtureOfExpertsShape& shape)
    : shape_(shape), gate_((s / "gate").Matrix("weight", {shape.experts, shape.hidden})) {
  if (shape.corrected) correction_ = (s / "gate").Buffer("e_score_correction_bias", {shape.experts});
  const SwiGluShape expert{.in = shape.hidden, .hidden = shape.expert_hidden};
  for (int64_t e = 0; e < shape.experts; ++e) experts_.emplace_back(s / "experts" / e, expert);
  if (shape.shared > 0)
    shared_.emplace(s / "shared_experts",
                    SwiGluShape{.in = shape.hidden, .hidden = shape.shared * shape.expert_hidden});
}

ExpertChoice MixtureOfExperts::Choose(const Tensor& x) const {
  const int64_t T = x.dim(0), E = shape_.experts, K = shape_.chosen;
  const Tensor logits =
      ops::Linear(ops::Cast(x, DType::kF32), *gate_, ops::LinearOptions{.precision = ops::LinearPrecision::kExact});
  const Tensor scores = shape_.score == ExpertScore::kSigmoid ? ops::Sigmoid(logits) : ops::Softmax(logits);
  ExpertChoice choice;
  std::vector<int64_t> places;  // of the chosen among the T · E scores
  for (int64_t t = 0; t < T; ++t) {
    const auto row = scores.data<float>().subspan(static_cast<size_t>(t * E), static_cast<size_t>(E));
    std::vector<float> worth(row.begin(), row.end());
    if (correction_)
      for (size_t e = 0; e < worth.size(); ++e) worth[e] += (*correction_).data<float>()[e];
    KeepBestGroups(shape_, worth);
    for (const int64_t e : Greatest(worth, K)) {
      choice.experts.push_back(e);
      places.push_back(t * E + e);
    }
  }
  Tensor weights =
      ops::Reshape(ops::GatherRows(ops::Reshape(scores, {T * E, 1}), Tensor::From<int64_t>(places, {T * K})), {T, K});
  if (shape_.normalize) weights = ops::Div(weights, ops::Reshape(ops::AddScalar(ops::Sum(weights, 1), 1e-20f), {T, 1}));
  choice.weights = ops::Scale(weights, shape_.scale);
  return choice;
}

// Each expert multiplies all of its tokens at once, beside the shared ones, which multiply all; results are added to a
// token in the order of its experts.
Tensor MixtureOfExperts::operator()(const Tensor& x) const {
  const int64_t T = x.dim(0), K = shape_.chosen;
  if (T == 0) return x;
  const ExpertChoice choice = Choose(x);
  std::vector<std::vector<int64_t>> chosen_by(experts_.size());  // the choices, of T · K, that fell on each expert
  for (size_t i = 0; i < choice.experts.size(); ++i)
    chosen_by[static_cast<size_t>(choice.experts[i])].push_back(static_cast<int64_t>(i));
  std::vector<ops::FeedForwardPart> parts;
  std::vector<int64_t> places(choice.experts.size());  // of each choice among the results
  int64_t next = 0;
  for (size_t e = 0; e < experts_.size(); ++e) {
    if (chosen_by[e].empty()) continue;
    parts.push_back({.weights = experts_[e].weights()});
    ops::FeedForwardPart& part = parts.back();
    for (const int64_t i : chosen_by[e]) {
      part.rows.push_back(i / K);
      places[static_cast<size_t>(i)] = next++;
    }
  }
  if (shared_) {
    parts.push_back({.weights = shared_->weights(), .rows = std::vector<int64_t>(static_cast<size_t>(T))});
    std::iota(parts.back().rows.begin(), parts.back().rows.end(), 0);
  }
  const Tensor results = ops::FeedForwardEach(x, parts, experts_[0].precision());
  const Tensor routed = ops::MixRows(results, Tensor::From<int64_t>(places, {T, K}), choice.weights);
  return shared_ ? ops::Add(routed, ops::Slice(results, 0, T * K, T * K + T)) : routed;
}

}  // namespace tessera::nn
