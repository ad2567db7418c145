#include "tessera/weights/export_vision.h"

#include <algorithm>

#include "tessera/core/checked.h"
#include "tessera/weights/vision_names.h"
#include "tessera/weights/vision_sizes.h"

namespace tessera::weights {
namespace {

const Json& Object(const Json& config, const char* key) {
  const auto found = config.find(key);
  Require(found != config.end() && found->is_object(), "config: \"{}\" is missing", key);
  return *found;
}

int64_t Whole(const Json& object, const char* key, int64_t otherwise) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return otherwise;
  Require(found->is_number_integer(), "config: \"{}\" is not a whole number", key);
  return found->get<int64_t>();
}

std::vector<float> Numbers(const Json& object, const char* key, const std::vector<float>& otherwise) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return otherwise;
  constexpr size_t kMost = 4096;
  Require(found->is_array() && found->size() <= kMost, "config: \"{}\" is not a list of numbers", key);
  std::vector<float> numbers;
  for (const Json& number : *found) {
    Require(number.is_number() && std::abs(number.get<double>()) < 1e9, "config: \"{}\" is not a list of numbers", key);
    numbers.push_back(number.get<float>());
  }
  return numbers;
}

bool IsPatchWeight(std::string_view name) { return name.ends_with("patch_embed.proj.weight"); }

}  // namespace

bool HasVisionNames(std::string_view family) { return !ProjectorOfFamily(family).empty(); }

std::vector<VisionPiece> VisionPieces(std::string_view family, const TensorInfo& info) {
  const auto name = VisionNameToGguf(family, info.name);
  if (!name) return {};
  const Shape& shape = info.shape;
  if (IsPatchWeight(info.name) && shape.rank() == 5) {
    std::vector<VisionPiece> frames;
    Require(shape[2] <= 2, "GGUF has names for patches of two frames, not of {}", shape[2]);
    for (int64_t t = 0; t < shape[2]; ++t)
      frames.push_back({.name = t == 0 ? *name : fmt::format("{}.{}", *name, t),
                        .shape = {shape[0], shape[1], shape[3], shape[4]},
                        .axis = 2,
                        .begin = t,
                        .end = t + 1});
    return frames;
  }
  const size_t at = name->find("attn_qkv.");
  if (at == std::string::npos) {
    const bool table = shape.rank() == 3;
    return {
        {.name = *name, .shape = table ? Shape{shape[0] * shape[1], shape[2]} : shape, .begin = 0, .end = shape[0]}};
  }
  Require(shape[0] % 3 == 0, "tensor \"{}\" {} does not part into q, k and v", info.name, shape);
  std::vector<VisionPiece> pieces;
  for (int64_t i = 0; i < 3; ++i)
    pieces.push_back({.name = std::string(*name).replace(at, 9, fmt::format("attn_{}.", "qkv"[i])),
                      .shape = shape.With(0, shape[0] / 3),
                      .begin = i * shape[0] / 3,
                      .end = (i + 1) * shape[0] / 3});
  return pieces;
}

Tensor TakePiece(const Tensor& tensor, const VisionPiece& piece) {
  return tensor.Slice(piece.axis, piece.begin, piece.end).Contiguous().Reshape(piece.shape);
}

void WriteVisionConfig(const Json& config, const Json& preprocessor_config, std::span<const VisionPiece> pieces,
                       GgufWriter& writer) {
  const std::string family = config["model_type"];
  const VisionSizes s = VisionSizesOf(family, false, [&](const std::string& name) {
    const auto found = std::ranges::find(pieces, name, &VisionPiece::name);
    return found == pieces.end() ? nullptr : &found->shape;
  });
  const Json& c = Object(config, "vision_config");
  const Json& p = preprocessor_config;
  const bool kimi = family == "kimi_vl";
  const auto u32 = [&](const std::string& key, int64_t value) { writer.Set(key, CheckedCast<uint32_t>(value, key)); };
  writer.Set("clip.has_vision_encoder", true);
  writer.Set("clip.projector_type", std::string(ProjectorOfFamily(family)));
  writer.Set(family == "qwen2_5_vl" ? "clip.use_silu" : "clip.use_gelu", true);
  u32("clip.vision.patch_size", s.patch);
  u32("clip.vision.image_size", kimi ? 64 * 14 : 560);  // of no meaning to towers that take any size
  u32("clip.vision.embedding_length", s.hidden);
  u32("clip.vision.feed_forward_length", s.ffn);
  u32("clip.vision.block_count", s.depth);
  u32("clip.vision.projection_dim", s.out);
  u32("clip.vision.attention.head_count", Whole(c, kimi ? "num_attention_heads" : "num_heads", 16));
  writer.Set("clip.vision.attention.layer_norm_epsilon", kimi ? 1e-5f : 1e-6f);
  const std::vector<float> half(3, 0.5f), mean = {0.48145466f, 0.4578275f, 0.40821073f},
                                          deviation = {0.26862954f, 0.26130258f, 0.27577711f};
  writer.Set("clip.vision.image_mean", Numbers(p, "image_mean", kimi ? half : mean));
  writer.Set("clip.vision.image_std", Numbers(p, "image_std", kimi ? half : deviation));
  if (kimi) {
    u32("clip.vision.projector.scale_factor", s.merge);
    u32("tessera.vision.position_rows", Whole(c, "init_pos_emb_height", 64));
    u32("tessera.vision.token_limit", Whole(p, "in_token_limit", 4096));
    const auto pad = p.find("pad_input");
    writer.Set("tessera.vision.pad_input", pad == p.end() || *pad != false);
    return;
  }
  u32("clip.vision.spatial_merge_size", s.merge);
  const Json size = p.value("size", Json::object());
  const Json& edges = size.is_object() ? size : Json::object();
  u32("clip.vision.image_min_pixels", Whole(p, "min_pixels", Whole(edges, "shortest_edge", 56 * 56)));
  u32("clip.vision.image_max_pixels", Whole(p, "max_pixels", Whole(edges, "longest_edge", 28 * 28 * 1280)));
  if (family == "qwen2_vl") return;
  const std::vector<float> blocks = Numbers(c, "fullatt_block_indexes", {7, 15, 23, 31});
  const std::vector<int32_t> full(blocks.begin(), blocks.end());
  if (!full.empty()) u32("clip.vision.n_wa_pattern", full[0] + 1);
  writer.Set("tessera.vision.full_blocks", full);
  u32("clip.vision.window_size", Whole(c, "window_size", 112));
  u32("tessera.vision.tokens_per_second", Whole(c, "tokens_per_second", 4));
}

}  // namespace tessera::weights
