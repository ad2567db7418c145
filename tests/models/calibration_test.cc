#include "tessera/models/calibration.h"

#include <gmock/gmock.h>

#include <cmath>

#include "tessera/core/error.h"
#include "tessera/models/load.h"
#include "tessera/weights/checkpoint.h"

namespace tessera::models {
namespace {

std::map<std::string, weights::InputGram> Grams(int64_t window) {
  const auto checkpoint = weights::Checkpoint::Open(TESSERA_TEST_DATA "/llama_smollm2_fp32");
  const auto model = LoadModel(checkpoint, {.weights = DType::kF32});
  std::vector<int64_t> tokens;
  for (int64_t i = 0; i < 40; ++i) tokens.push_back((7 * i + 3) % 384);
  return Calibrate(*model, tokens, {.window = window});
}

TEST(Calibration, EveryLinearLayerBelowTheLogitsIsThere) {
  const auto grams = Grams(64);
  EXPECT_EQ(grams.size(), 3u * 7u);  // q k v o, gate up down in three layers
  EXPECT_EQ(grams.at("model.layers.0.self_attn.q_proj.weight").size, 72);
  EXPECT_TRUE(grams.contains("model.layers.2.mlp.down_proj.weight"));
}

TEST(Calibration, LayersWithOneInputHaveOneGramAndItIsOfThatInput) {
  const auto grams = Grams(64);
  EXPECT_EQ(grams.at("model.layers.1.self_attn.q_proj.weight").values,
            grams.at("model.layers.1.self_attn.v_proj.weight").values);
  // Each token counts alike: its input has the mean square 1.
  const weights::InputGram& gram = grams.at("model.layers.1.mlp.up_proj.weight");
  double trace = 0;
  for (size_t i = 0; i < 72; ++i) {
    trace += gram.values[i * 72 + i];
    for (size_t j = 0; j < 72; ++j) EXPECT_EQ(gram.values[i * 72 + j], gram.values[j * 72 + i]);
  }
  EXPECT_NEAR(trace, 40 * 72, 0.5);
}

TEST(Calibration, FewTokensAreRefused) {
  const auto checkpoint = weights::Checkpoint::Open(TESSERA_TEST_DATA "/llama_smollm2_fp32");
  const auto model = LoadModel(checkpoint, {.weights = DType::kF32});
  EXPECT_THROW(Calibrate(*model, std::vector<int64_t>{1}), Error);
}

}  // namespace
}  // namespace tessera::models
