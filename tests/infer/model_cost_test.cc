#include "tessera/infer/model_cost.h"

#include <gtest/gtest.h>

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
  EXPECT_EQ(cost.logits_operations, 2 * tiny.model->summary().vocab * tiny.model->summary().hidden);
  EXPECT_EQ(cost.cache_bytes, 3 * 2 * (16 + 16) * 2);  // layers, heads, key and value, bytes
  EXPECT_EQ(cost.kind, kernels::PeakKind::kBf16);
}

// Of eight experts three work for a token, and the tower for none.
TEST(ModelCost, CountsTheExpertsAtWorkAndNoTower) {
  const auto model = models::Golden("kimi_vl_fp32").Load();
  int64_t values = 0;
  for (const std::string& name : model->parameters().names()) {
    const int64_t count = model->parameters().Get(name).numel();
    if (!name.starts_with("language_model.model.layers.")) continue;
    values += name.find(".experts.") == std::string::npos ? 8 * count : 3 * count;
  }
  const ModelCost cost = CostOf(*model, DType::kF16);
  const int64_t norm = model->parameters().Get("language_model.model.norm.weight").numel();
  EXPECT_EQ(cost.weight_bytes, 4 * values / 8 + 4 * norm);
  EXPECT_EQ(cost.logits_bytes, 4 * 640 * 64);
}

}  // namespace
}  // namespace tessera::infer
