#include "tessera/weights/gguf_vision.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>

#include "tessera/ops/view.h"
#include "tessera/weights/vision_names.h"
#include "tessera/weights/vision_sizes.h"

namespace tessera::weights {
namespace {

constexpr char kType[] = "clip.projector_type", kOlderType[] = "clip.vision.projector_type";

std::string FamilyOf(const GgufFile& file) {
  const GgufValue* value = file.Find(kType);
  if (value == nullptr) value = file.Find(kOlderType);
  Require(value != nullptr, "{}: no key \"{}\"; is it a vision file?", file.file().path(), kType);
  const std::string_view type = value->String(kType);
  const auto family = FamilyOfProjector(type);
  Require(family.has_value(), "{}: its vision part has a projector of type \"{}\"; known are {}", file.file().path(),
          type, fmt::join(ProjectorTypes(), ", "));
  return std::string(*family);
}

// Older converters called the MLP's first layer "down" and its second "up".
bool MlpIsSwapped(const GgufFile& file, std::string_view family) {
  if (family == "qwen2_5_vl" || !file.Has("v.blk.0.ffn_down.weight") || !file.Has("v.patch_embd.weight")) return false;
  const Shape down = file.Get("v.blk.0.ffn_down.weight").shape();
  const int64_t hidden = file.Get("v.patch_embd.weight").dim(0);
  return down.rank() == 2 && down[1] == hidden && down[0] != hidden;
}

constexpr size_t kMostNumbers = 4096;  // of a list

std::vector<double> Numbers(const GgufFile& file, const char* key) {
  const GgufValue* value = file.Find(key);
  Require(value != nullptr, "{}: no key \"{}\"", file.file().path(), key);
  const GgufArray& array = value->Array(key);
  Require(array.size() <= kMostNumbers, "{}: \"{}\" has {} entries", file.file().path(), key, array.size());
  std::vector<double> numbers;
  for (size_t i = 0; i < array.size(); ++i) numbers.push_back(array.Number(i, key));
  return numbers;
}

int64_t IntegerOr(const GgufFile& file, const char* key, int64_t otherwise) {
  const GgufValue* value = file.Find(key);
  return value == nullptr ? otherwise : value->Integer(key);
}

// The layers that see whole frames: given, or every so-manieth.
Json FullBlocks(const GgufFile& file, int64_t depth) {
  Json blocks = Json::array();
  constexpr char kBlocks[] = "tessera.vision.full_blocks";
  if (const GgufValue* value = file.Find(kBlocks)) {
    const GgufArray& array = value->Array(kBlocks);
    for (size_t i = 0; i < array.size() && i < kMostNumbers; ++i) blocks.push_back(array.Integer(i, kBlocks));
    return blocks;
  }
  const int64_t period = IntegerOr(file, "clip.vision.n_wa_pattern", 0);
  if (period > 0)
    for (int64_t i = period - 1; i < depth; i += period) blocks.push_back(i);
  Require(!blocks.empty(), "{}: no key \"clip.vision.n_wa_pattern\" says which layers see whole frames",
          file.file().path());
  return blocks;
}

Json QwenConfig(const GgufFile& file, const VisionSizes& s, std::string_view family) {
  Json c = {{"depth", s.depth},
            {"num_heads", IntegerOr(file, "clip.vision.attention.head_count", 16)},
            {"in_channels", 3},
            {"patch_size", s.patch},
            {"spatial_merge_size", s.merge},
            {"temporal_patch_size", s.frames}};
  if (family == "qwen2_vl") {
    Require(s.ffn % s.hidden == 0, "{}: an MLP of {} in a vision tower of {} is not Qwen2-VL's", file.file().path(),
            s.ffn, s.hidden);
    c["embed_dim"] = s.hidden;
    c["mlp_ratio"] = s.ffn / s.hidden;
    return c;
  }
  c["hidden_size"] = s.hidden;
  c["intermediate_size"] = s.ffn;
  c["window_size"] = IntegerOr(file, "clip.vision.window_size", 112);
  c["fullatt_block_indexes"] = FullBlocks(file, s.depth);
  // Converters do not write it; the released models have 2.
  c["tokens_per_second"] = IntegerOr(file, "tessera.vision.tokens_per_second", 2);
  return c;
}

Json KimiConfig(const GgufFile& file, const VisionSizes& s) {
  const auto side = std::llround(std::sqrt(static_cast<double>(s.positions)));
  const int64_t rows = IntegerOr(file, "tessera.vision.position_rows", side);
  Require(rows > 0 && s.positions % rows == 0, "{}: {} positions are no table of {} rows", file.file().path(),
          s.positions, rows);
  return {{"num_hidden_layers", s.depth},
          {"hidden_size", s.hidden},
          {"num_attention_heads", IntegerOr(file, "clip.vision.attention.head_count", 16)},
          {"intermediate_size", s.ffn},
          {"patch_size", s.patch},
          {"init_pos_emb_height", rows},
          {"init_pos_emb_width", s.positions / rows},
          {"merge_kernel_size", {s.merge, s.merge}}};
}

Json PreprocessorConfig(const GgufFile& file, std::string_view family) {
  Json c = Json::object();
  if (file.Find("clip.vision.image_mean") != nullptr) {
    c["image_mean"] = Numbers(file, "clip.vision.image_mean");
    c["image_std"] = Numbers(file, "clip.vision.image_std");
  }
  if (family == "kimi_vl") {
    c["in_token_limit"] = IntegerOr(file, "tessera.vision.token_limit", 4096);
    const GgufValue* pad = file.Find("tessera.vision.pad_input");
    c["pad_input"] = pad == nullptr || pad->Bool("tessera.vision.pad_input");
    return c;
  }
  // Without the keys, what the released models say.
  c["min_pixels"] = IntegerOr(file, "clip.vision.image_min_pixels", 56 * 56);
  c["max_pixels"] = IntegerOr(file, "clip.vision.image_max_pixels", 12845056);
  return c;
}

// The parts' rows end to end; block formats are whole in each row.
Tensor JoinRows(std::span<const Tensor> parts) {
  int64_t rows = 0;
  for (const Tensor& part : parts) rows += part.dim(0);
  Tensor joined = Tensor::Empty(parts[0].shape().With(0, rows), parts[0].dtype());
  std::byte* to = joined.mutable_raw();
  for (const Tensor& part : parts) {
    std::memcpy(to, part.raw(), static_cast<size_t>(part.bytes()));
    to += part.bytes();
  }
  return joined;
}

bool IsPatchWeight(std::string_view name) { return name.ends_with("patch_embed.proj.weight"); }

// The checkpoint's shape of what the parts make.
Shape ShapeOfParts(const std::string& name, const std::vector<TensorInfo>& parts, const GgufVision& vision) {
  const Shape& first = parts[0].shape;
  const auto count = static_cast<int64_t>(parts.size());
  for (const TensorInfo& part : parts)
    Require(part.shape == first && part.dtype == parts[0].dtype, "the parts of \"{}\" differ: {} {} and {} {}", name,
            Name(parts[0].dtype), first, Name(part.dtype), part.shape);
  if (IsPatchWeight(name) && vision.family != "kimi_vl") return {first[0], first[1], count, first[2], first[3]};
  if (name.ends_with("pos_emb.weight"))
    return {vision.vision_config["init_pos_emb_height"].get<int64_t>(),
            vision.vision_config["init_pos_emb_width"].get<int64_t>(), first[1]};
  return count == 1 ? first : first.With(0, first[0] * count);
}

}  // namespace

bool HasVision(const GgufFile& file) { return file.Has("v.patch_embd.weight"); }

GgufVision ReadGgufVision(const GgufFile& file) {
  GgufVision vision{.family = FamilyOf(file)};
  const bool swapped = MlpIsSwapped(file, vision.family);
  std::map<std::string, const TensorInfo*, std::less<>> infos;
  for (const TensorInfo& info : file.tensors()) infos.emplace(info.name, &info);
  return WithContext(file.file().path(), [&] {
    const VisionSizes sizes = VisionSizesOf(vision.family, swapped, [&](const std::string& name) {
      const auto found = infos.find(name);
      return found == infos.end() ? nullptr : &found->second->shape;
    });
    vision.width = sizes.out;
    vision.vision_config =
        vision.family == "kimi_vl" ? KimiConfig(file, sizes) : QwenConfig(file, sizes, vision.family);
    vision.preprocessor_config = PreprocessorConfig(file, vision.family);
    std::map<std::string, std::map<int, const TensorInfo*>> parts;
    for (const auto& [name, info] : infos)
      if (const auto part = VisionNameFromGguf(vision.family, name, swapped)) parts[part->name][part->number] = info;
    for (const auto& [name, numbered] : parts) {
      VisionTensor& tensor = vision.tensors[name];
      std::vector<TensorInfo> whole;
      for (const auto& [number, info] : numbered) {
        whole.push_back(*info);
        tensor.parts.push_back(info->name);
        tensor.info.bytes += info->bytes;
      }
      tensor.info.name = name;
      tensor.info.dtype = whole[0].dtype;
      tensor.info.begin = whole[0].begin;
      tensor.info.shape = ShapeOfParts(name, whole, vision);
    }
    return std::move(vision);
  });
}

bool FitsLanguageModel(const GgufVision& vision, const Json& config) {
  const std::string type = config.value("model_type", "");
  const bool family = vision.family == "kimi_vl" ? type == "deepseek_v2" || type == "deepseek_v3"
                                                 : config["rope_parameters"].contains("mrope_section");
  return family && config.value("hidden_size", int64_t{0}) == vision.width;
}

std::string_view LanguagePrefix(std::string_view family) { return family == "kimi_vl" ? "language_model." : ""; }

Json WithVision(const Json& config, const GgufVision& vision, const GgufFile& text) {
  Json both = config;
  if (vision.family == "kimi_vl") {
    both = {{"text_config", config}, {"tie_word_embeddings", config.value("tie_word_embeddings", false)}};
    for (const char* key : {"bos_token_id", "eos_token_id", "pad_token_id"})
      if (config.contains(key)) both[key] = config[key];
  }
  both["model_type"] = vision.family;
  both["vision_config"] = vision.vision_config;
  constexpr char kTokens[] = "tokenizer.ggml.tokens";
  const GgufValue* tokens = text.Find(kTokens);
  if (tokens == nullptr) return both;
  const GgufArray& pieces = tokens->Array(kTokens);
  const std::map<std::string_view, const char*> keys =
      vision.family == "kimi_vl"
          ? std::map<std::string_view, const char*>{{"<|media_pad|>", "media_placeholder_token_id"}}
          : std::map<std::string_view, const char*>{{"<|image_pad|>", "image_token_id"},
                                                    {"<|video_pad|>", "video_token_id"},
                                                    {"<|vision_start|>", "vision_start_token_id"},
                                                    {"<|vision_end|>", "vision_end_token_id"}};
  for (size_t i = 0; i < pieces.size(); ++i)
    if (const auto key = keys.find(pieces.String(i, kTokens)); key != keys.end()) both[key->second] = i;
  return both;
}

Tensor GetVisionTensor(const GgufFile& file, const VisionTensor& tensor) {
  std::vector<Tensor> parts;
  for (const std::string& name : tensor.parts) parts.push_back(file.Get(name));
  const bool frames = IsPatchWeight(tensor.info.name) && tensor.info.shape.rank() == 5;
  if (!frames) return (parts.size() == 1 ? parts[0] : JoinRows(parts)).Reshape(tensor.info.shape);
  for (Tensor& part : parts) part = part.Reshape({part.dim(0), part.dim(1), 1, part.dim(2), part.dim(3)});
  return parts.size() == 1 ? parts[0] : ops::Concat(parts, 2);
}

}  // namespace tessera::weights
