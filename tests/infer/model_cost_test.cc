#include "tessera/infer/model_cost.h"

#include <gtest/gtest.h>

#include "infer/tiny_model.h"

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

}  // namespace
}  // namespace tessera::infer
