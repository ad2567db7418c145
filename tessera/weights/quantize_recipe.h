#pragma once
// Which format each tensor of a model gets.
//
//   const Recipe recipe = RecipeFromName("q4_k_m");
//   TypeFor(recipe, {.name = "blk.3.ffn_down.weight", .shape = {576, 1536}, .layers = 30})   // DType::kQ6_K
//
// The rules are those that people who use GGUF files know:
//   - vectors (norms, biases, rope factors), routers of experts, and the patches and positions of a vision part stay
//   f32;
//   - the other matrices of a vision part get q8_0 in every block recipe: they are a twentieth of the model or less,
//   and
//     each of their errors goes into every token of a picture;
//   - the matrix that gives the logits (output.weight, or token_embd.weight if they share one) gets q6_k in every block
//     recipe but q8_0, because each of its errors goes straight into a logit;
//   - the mixed recipes q4_k_m and q5_k_m give q6_k to attn_v and ffn_down in layer i of n when i < n/8, i >= 7n/8 or
//     (i - n/8) mod 3 = 2 (whole divisions): the outer layers, and every third of the inner ones;
//   - rows that are not whole blocks of 256 get the nearest format of 32 (q4_k -> q5_0, q5_k -> q5_1, q6_k -> q8_0,
//     q2_k, q3_k, iq4_xs -> iq4_nl), and rows that are not whole blocks of 32 either get f16.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/dtype.h"
#include "tessera/core/shape.h"

namespace tessera::weights {

struct Recipe {
  std::string name;        // as a person types it, lower case
  DType dtype;             // of most matrices
  bool more_bits = false;  // the rule for attn_v and ffn_down above
  uint32_t file_type = 0;  // the number that GGUF files have under general.file_type
};

// "f32", "f16", "bf16", "q8_0", "q4_k_m", …, in any case. Throws Error that lists the names otherwise.
Recipe RecipeFromName(std::string_view name);
std::vector<std::string> RecipeNames();

struct RecipeTensor {
  std::string_view name;  // as GGUF files have it
  Shape shape;            // outermost axis first
  int64_t layers = 0;     // of the model
  bool gives_logits = false;
};

// The format of that tensor in that recipe.
DType TypeFor(const Recipe& recipe, const RecipeTensor& tensor);

}  // namespace tessera::weights
