#include "tessera/weights/quantize_recipe.h"

#include <gtest/gtest.h>

#include "tessera/core/error.h"

namespace tessera::weights {
namespace {

DType Type(std::string_view recipe, std::string_view name, const Shape& shape = {512, 512}, bool gives_logits = false) {
  return TypeFor(RecipeFromName(recipe), {.name = name, .shape = shape, .layers = 32, .gives_logits = gives_logits});
}

TEST(QuantizeRecipe, KeepsVectorsAndNormsInF32) {
  for (const std::string& recipe : RecipeNames()) {
    EXPECT_EQ(Type(recipe, "blk.0.attn_norm.weight", {512}), DType::kF32) << recipe;
    EXPECT_EQ(Type(recipe, "blk.0.attn_q.bias", {512}), DType::kF32) << recipe;
    EXPECT_EQ(Type(recipe, "output_norm.weight", {512}), DType::kF32) << recipe;
    EXPECT_EQ(Type(recipe, "rope_freqs.weight", {32}), DType::kF32) << recipe;
  }
}

TEST(QuantizeRecipe, GivesLogitsMoreBits) {
  EXPECT_EQ(Type("q4_0", "output.weight", {512, 512}, true), DType::kQ6_K);
  EXPECT_EQ(Type("q4_k_m", "token_embd.weight", {512, 512}, true), DType::kQ6_K);
  EXPECT_EQ(Type("q4_k_m", "token_embd.weight", {512, 512}, false), DType::kQ4_K);
  EXPECT_EQ(Type("q8_0", "output.weight", {512, 512}, true), DType::kQ8_0);
  EXPECT_EQ(Type("bf16", "output.weight", {512, 512}, true), DType::kBF16);
}

TEST(QuantizeRecipe, MixedRecipesGiveOuterLayersAndEveryThirdMoreBits) {
  std::string with_more_bits;
  for (int layer = 0; layer < 32; ++layer) {
    const DType down = Type("q4_k_m", fmt::format("blk.{}.ffn_down.weight", layer));
    EXPECT_EQ(down, Type("Q4_K_M", fmt::format("blk.{}.attn_v.weight", layer)));
    EXPECT_EQ(Type("q4_k_m", fmt::format("blk.{}.ffn_up.weight", layer)), DType::kQ4_K);
    EXPECT_EQ(Type("q4_k", fmt::format("blk.{}.ffn_down.weight", layer)), DType::kQ4_K);
    with_more_bits += down == DType::kQ6_K ? 'x' : '.';
  }
  EXPECT_EQ(with_more_bits, "xxxx..x..x..x..x..x..x..x..xxxxx");
}

TEST(QuantizeRecipe, FallsBackWhereRowsAreNotWholeBlocks) {
  const Shape by_32 = {512, 576}, by_1 = {512, 100};
  const struct {
    const char* recipe;
    DType small;
  } cases[] = {{"q4_k", DType::kQ5_0},   {"q5_k", DType::kQ5_1},   {"q6_k", DType::kQ8_0},    {"q4_0", DType::kQ4_0},
               {"q2_k", DType::kIQ4_NL}, {"q3_k", DType::kIQ4_NL}, {"iq4_xs", DType::kIQ4_NL}};
  for (const auto& [recipe, small] : cases) {
    EXPECT_EQ(Type(recipe, "blk.3.attn_q.weight", by_32), small) << recipe;
    EXPECT_EQ(Type(recipe, "blk.3.attn_q.weight", by_1), DType::kF16) << recipe;
  }
  EXPECT_EQ(Type("q4_k_m", "output.weight", by_32, true), DType::kQ8_0);
}

TEST(QuantizeRecipe, UnknownNameListsTheKnownOnes) {
  try {
    RecipeFromName("q9");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("q4_k_m"), std::string::npos);
  }
}

}  // namespace
}  // namespace tessera::weights
