#include "tessera/weights/vision_names.h"

#include <fmt/format.h>

#include <span>
#include <utility>

namespace tessera::weights {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;  // GGUF's name, the checkpoint's

constexpr Pair kProjectors[] = {
    {"qwen2vl_merger", "qwen2_vl"}, {"qwen2.5vl_merger", "qwen2_5_vl"}, {"kimivl", "kimi_vl"}};

// The names of a family, without what stands before them in the checkpoint.
struct Names {
  std::string_view family;
  std::string_view blocks;  // of the checkpoint; "v.blk." in GGUF
  std::span<const Pair> whole, block;
};

constexpr Pair kQwenWhole[] = {{"v.patch_embd.", "visual.patch_embed.proj."},
                               {"v.post_ln.", "visual.merger.ln_q."},
                               {"mm.0.", "visual.merger.mlp.0."},
                               {"mm.2.", "visual.merger.mlp.2."}};
constexpr Pair kQwen2Block[] = {{"ln1.", "norm1."},          {"ln2.", "norm2."},      {"attn_qkv.", "attn.qkv."},
                                {"attn_out.", "attn.proj."}, {"ffn_up.", "mlp.fc1."}, {"ffn_down.", "mlp.fc2."}};
constexpr Pair kQwen25Block[] = {{"ln1.", "norm1."},
                                 {"ln2.", "norm2."},
                                 {"attn_qkv.", "attn.qkv."},
                                 {"attn_out.", "attn.proj."},
                                 {"ffn_gate.", "mlp.gate_proj."},
                                 {"ffn_up.", "mlp.up_proj."},
                                 {"ffn_down.", "mlp.down_proj."}};
constexpr Pair kKimiWhole[] = {{"v.patch_embd.", "vision_tower.patch_embed.proj."},
                               {"v.position_embd.", "vision_tower.patch_embed.pos_emb."},
                               {"v.post_ln.", "vision_tower.encoder.final_layernorm."},
                               {"mm.input_norm.", "multi_modal_projector.pre_norm."},
                               {"mm.1.", "multi_modal_projector.linear_1."},
                               {"mm.2.", "multi_modal_projector.linear_2."}};
constexpr Pair kKimiBlock[] = {{"ln1.", "norm0."},   {"ln2.", "norm1."},      {"attn_qkv.", "wqkv."},
                               {"attn_out.", "wo."}, {"ffn_up.", "mlp.fc0."}, {"ffn_down.", "mlp.fc1."}};

constexpr Names kNames[] = {{"qwen2_vl", "visual.blocks.", kQwenWhole, kQwen2Block},
                            {"qwen2_5_vl", "visual.blocks.", kQwenWhole, kQwen25Block},
                            {"kimi_vl", "vision_tower.encoder.blocks.", kKimiWhole, kKimiBlock}};

constexpr std::string_view kGgufBlocks = "v.blk.";

const Names* NamesOf(std::string_view family) {
  for (const Names& names : kNames)
    if (names.family == family) return &names;
  return nullptr;
}

struct BlockName {
  std::string_view number, rest;
};

// "3" and "attn_q.weight" of "v.blk.3.attn_q.weight".
std::optional<BlockName> InBlock(std::string_view name, std::string_view blocks) {
  if (!name.starts_with(blocks)) return std::nullopt;
  name.remove_prefix(blocks.size());
  const size_t dot = name.find('.');
  if (dot == 0 || dot == std::string_view::npos || name.find_first_not_of("0123456789") != dot) return std::nullopt;
  return BlockName{name.substr(0, dot), name.substr(dot + 1)};
}

// `name` with the beginning that the table knows replaced; nothing if it knows none.
template <bool kToGguf>
std::optional<std::string> Replace(std::string_view name, std::span<const Pair> pairs) {
  for (const auto& [gguf, plain] : pairs) {
    const std::string_view from = kToGguf ? plain : gguf, to = kToGguf ? gguf : plain;
    if (name.starts_with(from)) return fmt::format("{}{}", to, name.substr(from.size()));
  }
  return std::nullopt;
}

// Takes q, k or v, or the number of a frame, out of a GGUF name.
VisionPart WithoutNumber(std::string_view gguf_name) {
  constexpr std::string_view kParts[] = {"attn_q.", "attn_k.", "attn_v."};
  for (int number = 0; number < 3; ++number) {
    const size_t at = gguf_name.find(kParts[number]);
    if (at == std::string_view::npos) continue;
    return {fmt::format("{}attn_qkv.{}", gguf_name.substr(0, at), gguf_name.substr(at + kParts[number].size())),
            number};
  }
  if (gguf_name == "v.patch_embd.weight.1") return {"v.patch_embd.weight", 1};
  return {std::string(gguf_name), 0};
}

std::string Swapped(std::string_view rest) {
  if (rest.starts_with("ffn_up.")) return fmt::format("ffn_down.{}", rest.substr(7));
  if (rest.starts_with("ffn_down.")) return fmt::format("ffn_up.{}", rest.substr(9));
  return std::string(rest);
}

}  // namespace

std::string_view ProjectorOfFamily(std::string_view family) {
  for (const auto& [type, of] : kProjectors)
    if (of == family) return type;
  return {};
}

std::optional<std::string_view> FamilyOfProjector(std::string_view type) {
  for (const auto& [known, family] : kProjectors)
    if (known == type) return family;
  return std::nullopt;
}

std::vector<std::string_view> ProjectorTypes() {
  std::vector<std::string_view> types;
  for (const auto& [type, family] : kProjectors) types.push_back(type);
  return types;
}

std::optional<VisionPart> VisionNameFromGguf(std::string_view family, std::string_view gguf_name, bool swapped) {
  const Names* names = NamesOf(family);
  if (names == nullptr) return std::nullopt;
  const VisionPart part = WithoutNumber(gguf_name);
  if (const auto block = InBlock(part.name, kGgufBlocks)) {
    const auto rest = Replace<false>(swapped ? Swapped(block->rest) : std::string(block->rest), names->block);
    if (!rest) return std::nullopt;
    return VisionPart{fmt::format("{}{}.{}", names->blocks, block->number, *rest), part.number};
  }
  const auto whole = Replace<false>(part.name, names->whole);
  if (!whole) return std::nullopt;
  return VisionPart{*whole, part.number};
}

std::optional<std::string> VisionNameToGguf(std::string_view family, std::string_view name) {
  const Names* names = NamesOf(family);
  if (names == nullptr) return std::nullopt;
  if (const auto block = InBlock(name, names->blocks)) {
    const auto rest = Replace<true>(block->rest, names->block);
    if (!rest) return std::nullopt;
    return fmt::format("{}{}.{}", kGgufBlocks, block->number, *rest);
  }
  return Replace<true>(name, names->whole);
}

}  // namespace tessera::weights
