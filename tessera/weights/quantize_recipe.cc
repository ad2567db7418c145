#include "tessera/weights/quantize_recipe.h"

#include <algorithm>
#include <charconv>

#include "tessera/core/error.h"

namespace tessera::weights {
namespace {

const std::vector<Recipe>& Recipes() {
  static const std::vector<Recipe> recipes = {
      {.name = "f32", .dtype = DType::kF32, .file_type = 0},
      {.name = "f16", .dtype = DType::kF16, .file_type = 1},
      {.name = "bf16", .dtype = DType::kBF16, .file_type = 32},
      {.name = "q8_0", .dtype = DType::kQ8_0, .file_type = 7},
      {.name = "q6_k", .dtype = DType::kQ6_K, .file_type = 18},
      {.name = "q5_k_m", .dtype = DType::kQ5_K, .more_bits = true, .file_type = 17},
      {.name = "q5_k", .dtype = DType::kQ5_K, .file_type = 16},
      {.name = "q5_1", .dtype = DType::kQ5_1, .file_type = 9},
      {.name = "q5_0", .dtype = DType::kQ5_0, .file_type = 8},
      {.name = "q4_k_m", .dtype = DType::kQ4_K, .more_bits = true, .file_type = 15},
      {.name = "q4_k", .dtype = DType::kQ4_K, .file_type = 14},
      {.name = "q4_1", .dtype = DType::kQ4_1, .file_type = 3},
      {.name = "q4_0", .dtype = DType::kQ4_0, .file_type = 2},
      {.name = "iq4_nl", .dtype = DType::kIQ4_NL, .file_type = 25},
      {.name = "iq4_xs", .dtype = DType::kIQ4_XS, .file_type = 30},
      {.name = "q3_k", .dtype = DType::kQ3_K, .file_type = 11},
      {.name = "q2_k", .dtype = DType::kQ2_K, .file_type = 10},
  };
  return recipes;
}

// The number in "blk.<number>.…", or -1.
int64_t LayerOf(std::string_view name) {
  constexpr std::string_view kPrefix = "blk.";
  if (!name.starts_with(kPrefix)) return -1;
  int64_t layer = -1;
  std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), layer);
  return layer;
}

bool NeedsMoreBits(int64_t layer, int64_t layers) {
  const int64_t eighth = layers / 8;
  return layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
}

// The nearest format whose blocks fill rows of that length.
DType Fallback(DType dtype, int64_t length) {
  if (length % Info(dtype).block_size == 0) return dtype;
  switch (dtype) {
    case DType::kQ4_K:
      return Fallback(DType::kQ5_0, length);
    case DType::kQ5_K:
      return Fallback(DType::kQ5_1, length);
    case DType::kQ6_K:
      return Fallback(DType::kQ8_0, length);
    case DType::kQ2_K:
    case DType::kQ3_K:
    case DType::kIQ4_XS:
      return Fallback(DType::kIQ4_NL, length);
    default:
      return DType::kF16;
  }
}

}  // namespace

std::vector<std::string> RecipeNames() {
  std::vector<std::string> names;
  for (const Recipe& recipe : Recipes()) names.push_back(recipe.name);
  return names;
}

Recipe RecipeFromName(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  const auto found = std::ranges::find(Recipes(), lower, &Recipe::name);
  Require(found != Recipes().end(), "quantize: \"{}\" is not one of {}", name, fmt::join(RecipeNames(), ", "));
  return *found;
}

DType TypeFor(const Recipe& recipe, const RecipeTensor& tensor) {
  const bool matrix = tensor.shape.rank() >= 2 && tensor.name.ends_with(".weight") &&
                      tensor.name.find("_norm.") == std::string_view::npos;
  const bool router = tensor.name.find("ffn_gate_inp.") != std::string_view::npos;
  const bool patches = tensor.name == "v.patch_embd.weight" || tensor.name == "v.position_embd.weight";
  const bool picture_codes = tensor.name.starts_with("vq.");
  if (!matrix || router || patches || picture_codes) return DType::kF32;
  DType dtype = recipe.dtype;
  const bool vision = tensor.name.starts_with("v.") || tensor.name.starts_with("mm.");
  if (IsQuantized(dtype) && vision) {
    dtype = DType::kQ8_0;
  } else if (IsQuantized(dtype)) {
    const int64_t layer = LayerOf(tensor.name);
    const bool sensitive = tensor.name.ends_with(".attn_v.weight") || tensor.name.ends_with(".ffn_down.weight");
    if (tensor.gives_logits && dtype != DType::kQ8_0) dtype = DType::kQ6_K;
    if (recipe.more_bits && sensitive && layer >= 0 && NeedsMoreBits(layer, tensor.layers)) dtype = DType::kQ6_K;
  }
  return Fallback(dtype, tensor.shape[-1]);
}

}  // namespace tessera::weights
