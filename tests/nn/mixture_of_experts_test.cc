#include "tessera/nn/mixture_of_experts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tessera/weights/safetensors.h"

namespace tessera::nn {
namespace {

using testing::ElementsAre;

// Experts that answer with their own number: SwiGLU of 1 → expert e gives silu(1) · (e + 1).
struct Numbered {
  MixtureOfExpertsShape shape;
  std::vector<float> gate, correction;

  Tensor Find(const std::string& name) const {
    const int64_t E = shape.experts;
    if (name == "gate.weight") return Tensor::From<float>(gate, {E, 1});
    if (name == "gate.e_score_correction_bias") return Tensor::From<float>(correction, {E});
    if (!name.starts_with("experts.")) return {};
    const int number = std::stoi(name.substr(8));
    return Tensor::Full({1, 1}, name.find("down_proj") != std::string::npos ? number + 1 : 1);
  }
};

MixtureOfExpertsShape Four() { return {.hidden = 1, .expert_hidden = 1, .experts = 4, .chosen = 2}; }

TEST(MixtureOfExperts, TheCorrectionChoosesButDoesNotWeigh) {
  const Numbered n{Four(), {0, 0, 1, 2}, {10, 0, 0, 0}};
  Parameters parameters([&](const std::string& name) { return n.Find(name); }, {});
  const MixtureOfExperts layer(Scope(parameters), n.shape);
  const ExpertChoice choice = layer.Choose(Tensor::Full({1, 1}, 1));
  EXPECT_THAT(choice.experts, ElementsAre(0, 3));
  const float s0 = 0.5f, s3 = 1 / (1 + std::exp(-2.0f));
  EXPECT_FLOAT_EQ(choice.weights.data<float>()[0], s0 / (s0 + s3));
  EXPECT_FLOAT_EQ(choice.weights.data<float>()[1], s3 / (s0 + s3));
  const float silu = 1 / (1 + std::exp(-1.0f));
  EXPECT_FLOAT_EQ(layer(Tensor::Full({1, 1}, 1)).data<float>()[0], silu * (s0 * 1 + s3 * 4) / (s0 + s3));
}

TEST(MixtureOfExperts, OfEqualScoresTheFirstAreChosen) {
  const Numbered n{Four(), {0, 0, 0, 0}, {0, 0, 0, 0}};
  Parameters parameters([&](const std::string& name) { return n.Find(name); }, {});
  EXPECT_THAT(MixtureOfExperts(Scope(parameters), n.shape).Choose(Tensor::Full({2, 1}, 1)).experts,
              ElementsAre(0, 1, 0, 1));
}

TEST(MixtureOfExperts, OnlyExpertsOfTheBestGroupsAreChosen) {
  Numbered n{Four(), {0, 0, 0, 0}, {3, -9, 1, 1.5}};
  n.shape.groups = 2, n.shape.kept_groups = 1;
  Parameters parameters([&](const std::string& name) { return n.Find(name); }, {});
  // The best expert is in the group whose two best are worse together.
  EXPECT_THAT(MixtureOfExperts(Scope(parameters), n.shape).Choose(Tensor::Full({1, 1}, 1)).experts, ElementsAre(2, 3));
}

TEST(MixtureOfExperts, SoftmaxScoresAreScaledWhereTheyAreNotNormalized) {
  Numbered n{Four(), {0, 1, 2, 3}, {}};
  n.shape.score = ExpertScore::kSoftmax, n.shape.corrected = false, n.shape.normalize = false, n.shape.scale = 16;
  Parameters parameters([&](const std::string& name) { return n.Find(name); }, {});
  const ExpertChoice choice = MixtureOfExperts(Scope(parameters), n.shape).Choose(Tensor::Full({1, 1}, 1));
  EXPECT_THAT(choice.experts, ElementsAre(2, 3));
  const float sum = 1 + std::exp(1.0f) + std::exp(2.0f) + std::exp(3.0f);
  EXPECT_NEAR(choice.weights.data<float>()[1], 16 * std::exp(3.0f) / sum, 1e-5);
}

TEST(MixtureOfExperts, NoTokensGiveNothing) {
  const Numbered n{Four(), {0, 0, 0, 0}, {0, 0, 0, 0}};
  Parameters parameters([&](const std::string& name) { return n.Find(name); }, {});
  EXPECT_EQ(MixtureOfExperts(Scope(parameters), n.shape)(Tensor::Empty({0, 1})).shape(), (Shape{0, 1}));
}

}  // namespace
}  // namespace tessera::nn
