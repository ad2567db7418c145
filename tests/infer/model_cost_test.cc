#include "tessera/infer/model_cost.h"

#include <gtest/gtest.h>

#include <cmath>

#include "infer/tiny_model.h"
#include "models/golden.h"

namespace tessera::infer {
namespace {

TEST(ModelCost, CountsWhatTheFileStores) {
  const TinyModel tiny(DType::kBF16);
  const ModelCost cost = CostOf(*tiny.model, DType::kF16);
  int64_t bytes = 0;
  for (const std::string& name : tiny.model->parameters().names())
    if (name != "model.embed_tokens.weight") bytes += 2 * tiny.model->parameters().Get(name).numel();
  EXPECT_EQ(cost.weight_bytes + cost.logits_bytes, bytes);
  const auto matrix = [&](const std::string& name) { return tiny.model->parameters().Get(name).numel(); };
  const std::string last = "model.layers.2.";
  int64_t layers = 0, last_results = 0;  // values of matrices
  for (const std::string& name : tiny.model->parameters().names())
    if (name.ends_with("_proj.weight")) layers += matrix(name);
  for (const char* part : {"self_attn.q_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"})
    last_results += matrix(last + part + ".weight");
  EXPECT_EQ(cost.row_operations, 2 * (layers - last_results));
  EXPECT_EQ(cost.logits_operations, 2 * (tiny.model->summary().vocab * tiny.model->summary().hidden + last_results));
  EXPECT_EQ(cost.cache_bytes, 3 * 2 * (16 + 16) * 2);  // layers, heads, key and value, bytes
  EXPECT_EQ(cost.kind, kernels::PeakKind::kBf16);
}

// Of eight experts three work for a token, and the tower for none.
TEST(ModelCost, CountsTheExpertsAtWorkAndNoTower) {
  const auto model = models::Golden("kimi_vl_fp32").Load();
  int64_t plain = 0, routed = 0;
  for (const std::string& name : model->parameters().names()) {
    const int64_t count = model->parameters().Get(name).numel();
    if (!name.starts_with("language_model.model.layers.")) continue;
    (name.find(".experts.") == std::string::npos ? plain : routed) += count;
  }
  const ModelCost cost = CostOf(*model, DType::kF16);
  const int64_t norm = model->parameters().Get("language_model.model.norm.weight").numel();
  EXPECT_EQ(cost.weight_bytes, 4 * (plain + norm));
  EXPECT_EQ(cost.expert_bytes, 4 * routed);
  EXPECT_EQ(cost.logits_bytes, 4 * 640 * 64);
  EXPECT_DOUBLE_EQ(cost.WeightBytes(1), static_cast<double>(4 * (plain + norm)) + 4 * routed * 3 / 8.0);
}

TEST(ModelCost, RowsTogetherReadMoreExpertsAndNeverMoreThanAll) {
  const ModelCost cost{.weight_bytes = 100, .expert_bytes = 6400, .experts = 64, .chosen = 6};
  EXPECT_DOUBLE_EQ(cost.ExpertsRead(1), 6);
  EXPECT_DOUBLE_EQ(cost.ExpertsRead(8), 64 * (1 - std::pow(58.0 / 64, 8)));
  EXPECT_DOUBLE_EQ(cost.WeightBytes(1), 100 + 600);
  EXPECT_NEAR(cost.WeightBytes(512), 100 + 6400, 1e-9);
  EXPECT_DOUBLE_EQ(ModelCost{.weight_bytes = 100}.WeightBytes(8), 100);
  EXPECT_EQ(ModelCost{.weight_bytes = 100}.ExpertsRead(8), 0);
}

}  // namespace
}  // namespace tessera::infer
