#pragma once
// A feed-forward layer of many experts, of which each token passes a few (DeepSeek-V2 2024, section 2.2; DeepSeek-V3
// 2024, section 2.1.2).
//
//   s_e = σ(w_e · x), or softmax over e          scores, in f32
//   chosen: the K experts with the greatest s_e + b_e; b is a correction for choosing only
//   g_e = s_e of the chosen, divided by their sum if `normalize`, times `scale`
//   y = Σ_e g_e SwiGLU_e(x) + SwiGLU_shared(x)
//
// With groups, only experts of the best groups can be chosen. A group is as good as its two best experts together where
// there is a correction, as its best one otherwise.

#include <optional>
#include <vector>

#include "tessera/nn/swiglu.h"

namespace tessera::nn {

enum class ExpertScore : uint8_t { kSigmoid, kSoftmax };

struct MixtureOfExpertsShape {
  int64_t hidden = 0, expert_hidden = 0;  // C; of one expert
  int64_t experts = 0, chosen = 0;        // E, K
  int64_t shared = 0;                     // as wide as so many experts, always passed
  int64_t groups = 1, kept_groups = 1;    // groups divides E
  ExpertScore score = ExpertScore::kSigmoid;
  bool corrected = true;  // the checkpoint has b
  bool normalize = true;
  float scale = 1;
};

// What a token chose: rows of [T, K], a token's experts in ascending order.
struct ExpertChoice {
  std::vector<int64_t> experts;
  Tensor weights;  // f32 [T, K], differentiable
};

class MixtureOfExperts {
 public:
  MixtureOfExperts(const Scope& s, const MixtureOfExpertsShape& shape);

  Tensor operator()(const Tensor& x) const;  // [T, C] -> [T, C]; a token's bits do not depend on the others
  ExpertChoice Choose(const Tensor& x) const;

 private:
  MixtureOfExpertsShape shape_;
  Parameter gate_, correction_;
  std::vector<SwiGlu> experts_;
  std::optional<SwiGlu> shared_;
};

}  // namespace tessera::nn
