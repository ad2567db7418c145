// Losses and gradients against PyTorch.

#include <gtest/gtest.h>

#include <cmath>

#include "models/golden.h"
#include "tessera/core/json.h"
#include "tessera/core/mapped_file.h"
#include "tessera/models/padded_batch.h"
#include "tessera/ops/differentiable.h"

namespace tessera::models {
namespace {

const LoadOptions kForGradients{.weights = DType::kF32};

// |d| <= 1e-3 max|g| + 1e-6 for each tensor.
void ExpectGradientsMatch(const NamedTensors& results, const Golden& golden) {
  int gradients = 0;
  for (const auto& [name, values] : results) {
    if (!name.starts_with("grad.")) continue;
    ASSERT_TRUE(golden.expected.Has(name)) << name;
    EXPECT_LE(MaxDifference(values, golden[name]), 1e-3f * MaxAbs(golden[name]) + 1e-6f) << name;
    ++gradients;
  }
  const auto expected =
      std::ranges::count_if(golden.expected.tensors(), [](const auto& info) { return info.name.starts_with("grad."); });
  EXPECT_EQ(gradients, expected);
}

Tensor Named(const NamedTensors& results, const std::string& name) {
  const auto found = std::ranges::find(results, name, &NamedTensors::value_type::first);
  return found == results.end() ? Tensor() : found->second;
}

TEST(GoldenGradient, LlamaMatchesPyTorch) {
  const Golden golden("llama_smollm2_fp32");
  const auto model = golden.Load(kForGradients);
  const auto results = RunGradient(*model, {.input_ids = golden["train.input_ids"], .labels = golden["train.labels"]});
  EXPECT_LE(MaxDifference(Named(results, "loss"), golden["train.loss"]), 1e-5f);
  ExpectGradientsMatch(results, golden);
}

TEST(GoldenGradient, MixtureOfExpertsAndLatentAttentionMatchPyTorch) {
  const Golden golden("moonlight_moe_fp32");
  const auto model = golden.Load(kForGradients);
  const auto results = RunGradient(*model, {.input_ids = golden["train.input_ids"], .labels = golden["train.labels"]});
  EXPECT_LE(MaxDifference(Named(results, "loss"), golden["train.loss"]), 1e-5f);
  ExpectGradientsMatch(results, golden);
}

TEST(GoldenGradient, BiasesWindowsAndScaledRotaryMatchPyTorch) {
  for (const char* name : {"llama_biases_dynamic_fp32", "qwen2_sliding_window_fp32"}) {
    SCOPED_TRACE(name);
    const Golden golden(name);
    const auto model = golden.Load(kForGradients);
    const auto results = RunGradient(*model, {.input_ids = golden["input_ids"], .labels = golden["labels"]});
    EXPECT_LE(MaxDifference(Named(results, "loss"), golden["loss"]), 1e-5f);
    ExpectGradientsMatch(results, golden);
  }
}

// Weights, activations and gradients in bfloat16: no further from the exact ones than twice PyTorch's own bfloat16 pass
// (tools/oracle/bf16_errors.py), tensor by tensor; and the loss no further than one rounding of it.
TEST(GoldenGradient, BFloat16ErrsNoMoreThanTwicePyTorch) {
  for (const std::string name : {"llama_smollm2_fp32", "llama_biases_dynamic_fp32", "qwen2_sliding_window_fp32"}) {
    SCOPED_TRACE(name);
    const Golden golden(name);
    const Json errors = ParseJson(ReadFile(Golden::Folder(name) + "/bf16_errors.json", 1 << 20), "bf16_errors.json");
    const std::string train = golden.expected.Has("train.loss") ? "train." : "";
    const auto model = golden.Load({.weights = DType::kBF16, .activations = DType::kBF16});
    const auto results =
        RunGradient(*model, {.input_ids = golden[train + "input_ids"], .labels = golden[train + "labels"]});
    EXPECT_LE(RelativeError(Named(results, "loss"), golden[train + "loss"]), 0x1p-8);
    size_t gradients = 0;
    for (const auto& [gradient, values] : results) {
      if (!gradient.starts_with("grad.")) continue;
      ++gradients;
      EXPECT_LE(RelativeError(values, golden[gradient]), 2 * errors[gradient].get<double>()) << gradient;
    }
    EXPECT_EQ(gradients + 1, errors.size());
  }
}

// AdamW as the case's notes state it, so that twenty steps test the loss and the gradient at twenty places.
struct AdamW {
  static constexpr double kLr = 3e-3, kDecay = 0.1, kBeta1 = 0.9, kBeta2 = 0.95, kEps = 1e-8, kClip = 1, kWarm = 4,
                          kSteps = 20;
  std::vector<std::vector<double>> m, v;

  static double Rate(int step) {
    return step < kWarm ? kLr * step / kWarm : kLr * 0.5 * (1 + std::cos(M_PI * (step - kWarm) / (kSteps - kWarm)));
  }

  // Updates the weights; returns the norm of all gradients together.
  double Step(nn::Parameters& parameters, const NamedTensors& results, int step) {
    const std::vector<std::string>& names = parameters.names();
    m.resize(names.size());
    v.resize(names.size());
    double squares = 0;
    for (const std::string& name : names) {
      const Tensor g = Named(results, "grad." + name);
      for (const float x : g.data<float>()) squares += static_cast<double>(x) * x;
    }
    const double norm = std::sqrt(squares), clip = std::min(1.0, kClip / (norm + 1e-6));
    for (size_t i = 0; i < names.size(); ++i) {
      Tensor w = ops::Detach(parameters.Get(names[i])).Clone();
      const Tensor g = Named(results, "grad." + names[i]);
      m[i].resize(static_cast<size_t>(w.numel()));
      v[i].resize(static_cast<size_t>(w.numel()));
      const auto weights = w.mutable_data<float>();
      for (size_t j = 0; j < weights.size(); ++j) {
        const double gradient = clip * g.data<float>()[j];
        m[i][j] = kBeta1 * m[i][j] + (1 - kBeta1) * gradient;
        v[i][j] = kBeta2 * v[i][j] + (1 - kBeta2) * gradient * gradient;
        double weight = weights[j];
        if (w.rank() >= 2) weight *= 1 - Rate(step) * kDecay;
        const double m_hat = m[i][j] / (1 - std::pow(kBeta1, step + 1)),
                     v_hat = v[i][j] / (1 - std::pow(kBeta2, step + 1));
        weights[j] = static_cast<float>(weight - Rate(step) * m_hat / (std::sqrt(v_hat) + kEps));
      }
      parameters.Set(names[i], w);
    }
    return norm;
  }
};

TEST(GoldenGradient, TwentyTrainingStepsFollowPyTorch) {
  const Golden golden("train_adamw_llama");
  const auto model = golden.Load(kForGradients);
  AdamW optimizer;
  for (int step = 0; step < 20; ++step) {
    const Tensor batch = golden["batches"].Slice(0, step, step + 1).Contiguous().Reshape({3, 14});
    const auto results = RunGradient(*model, {.input_ids = batch, .labels = batch});
    const auto at = static_cast<size_t>(step);
    EXPECT_NEAR(Named(results, "loss").data<float>()[0], golden["step.loss"].data<float>()[at], 1e-4f) << step;
    const double norm = optimizer.Step(model->parameters(), results, step);
    const float expected = golden["step.grad_norm"].data<float>()[at];
    EXPECT_NEAR(norm, expected, 1e-3 * expected) << step;
    const std::string prefix = "after" + std::to_string(step + 1) + ".";
    for (const auto& info : golden.expected.tensors()) {
      if (!info.name.starts_with(prefix)) continue;
      const std::string name = info.name.substr(prefix.size());
      EXPECT_LE(MaxDifference(ops::Detach(model->parameters().Get(name)), golden[info.name]), 2e-4f) << info.name;
    }
  }
}

}  // namespace
}  // namespace tessera::models
