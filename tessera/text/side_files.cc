#include "tessera/text/side_files.h"

#include <algorithm>
#include <charconv>
#include <string>

#include "tessera/core/error.h"
#include "tessera/core/mapped_file.h"

namespace tessera::text {
namespace {

constexpr int64_t kMaxSideFile = int64_t{64} << 20;

SortedJson ReadJson(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return SortedJson::object();
  SortedJson json = ParseSortedJson(ReadFile(path, kMaxSideFile), path.string());
  Require(json.is_object(), "{}: not a JSON object", path.string());
  return json;
}

void AddToken(const SortedJson& entry, int64_t id, TokenizerParts& parts) {
  AddedToken token{.id = 0,
                   .content = StringOr(entry, "content", ""),
                   .special = BoolOr(entry, "special", true),
                   .single_word = BoolOr(entry, "single_word", false),
                   .lstrip = BoolOr(entry, "lstrip", false),
                   .rstrip = BoolOr(entry, "rstrip", false),
                   .normalized = BoolOr(entry, "normalized", false)};
  if (const auto known = parts.vocabulary.Find(token.content)) {
    const auto same = [&](const AddedToken& other) { return other.content == token.content; };
    if (std::any_of(parts.added.all().begin(), parts.added.all().end(), same)) return;
    id = *known;
  } else if (parts.vocabulary.Has(id)) {
    return;  // the vocabulary itself is the authority
  }
  parts.vocabulary.Add(id, token.content, token.special ? PieceKind::kControl : PieceKind::kUserDefined);
  token.id = static_cast<int32_t>(id);
  parts.added.Add(std::move(token));
}

void AddTokens(const SideFiles& files, TokenizerParts& parts) {
  const SortedJson& decoder = Member(files.tokenizer_config, "added_tokens_decoder");
  Require(decoder.size() <= 200'000 && files.added_tokens.size() <= 200'000, "more than 200,000 added tokens");
  if (decoder.is_object() && parts.added.all().size() < decoder.size()) {
    for (const auto& [key, entry] : decoder.items()) {
      int64_t id = -1;
      const auto parsed = std::from_chars(key.data(), key.data() + key.size(), id);
      Require(parsed.ec == std::errc() && parsed.ptr == key.data() + key.size(),
              "tokenizer_config.json: added_tokens_decoder: \"{}\" is not an id", key.substr(0, 60));
      AddToken(entry, id, parts);
    }
  }
  if (!files.added_tokens.is_object()) return;
  for (const auto& [content, id] : files.added_tokens.items()) {
    Require(id.is_number_integer(), "added_tokens.json: the id of \"{}\" is not a number", content.substr(0, 60));
    AddToken(SortedJson{{"content", content}}, id.get<int64_t>(), parts);
  }
}

// A token is named by its content, or by an object with its content.
std::optional<int32_t> NamedToken(const SideFiles& files, std::string_view key, const TokenizerParts& parts) {
  for (const SortedJson* json : {&files.tokenizer_config, &files.special_tokens_map}) {
    const SortedJson& value = Member(*json, key);
    const std::string content = value.is_object() ? StringOr(value, "content", "") : StringOr(*json, key, "");
    if (!content.empty()) {
      if (const auto id = parts.vocabulary.Find(content)) return id;
    }
  }
  return std::nullopt;
}

std::vector<int32_t> IdsOf(const SortedJson& json, std::string_view key) {
  std::vector<int32_t> ids;
  const SortedJson& value = Member(json, key);
  const auto take = [&](const SortedJson& id) {
    if (id.is_null()) return;
    Require(id.is_number_integer() && id >= 0 && id < kMaxVocabulary, "generation_config.json: \"{}\" is {}", key,
            id.dump().substr(0, 60));
    ids.push_back(id.get<int32_t>());
  };
  if (value.is_array())
    for (const auto& id : value) take(id);
  else
    take(value);
  return ids;
}

// Makes `ids` contain `id` or not, as `wanted` says.
void Adjust(std::vector<int32_t>& ids, std::optional<int32_t> id, bool wanted) {
  if (!id) return;
  const bool there = std::find(ids.begin(), ids.end(), *id) != ids.end();
  if (wanted && !there) ids.insert(ids.begin(), *id);
  if (!wanted) std::erase(ids, *id);
}

}  // namespace

SideFiles ReadSideFiles(const std::filesystem::path& directory) {
  SideFiles files;
  files.tokenizer_config = ReadJson(directory / "tokenizer_config.json");
  files.special_tokens_map = ReadJson(directory / "special_tokens_map.json");
  files.added_tokens = ReadJson(directory / "added_tokens.json");
  files.generation_config = ReadJson(directory / "generation_config.json");
  if (files.generation_config.empty()) {
    const SortedJson config = ReadJson(directory / "config.json");
    for (const char* key : {"eos_token_id", "bos_token_id", "pad_token_id"})
      if (config.contains(key)) files.generation_config[key] = config[key];
  }
  return files;
}

void ApplySideFiles(const SideFiles& files, const SideFileDefaults& defaults, TokenizerParts& parts) {
  AddTokens(files, parts);
  const auto id_of = [&](std::string_view name, std::string_view id_key, std::optional<int32_t> fallback) {
    if (const auto named = NamedToken(files, name, parts)) return named;
    if (fallback) return fallback;
    const auto ids = IdsOf(files.generation_config, id_key);
    return ids.empty() || !parts.vocabulary.Has(ids[0]) ? std::nullopt : std::optional(ids[0]);
  };
  parts.bos = id_of("bos_token", "bos_token_id", parts.bos);
  parts.eos = id_of("eos_token", "eos_token_id", parts.eos);
  parts.pad = id_of("pad_token", "pad_token_id", parts.pad);
  parts.unknown = id_of("unk_token", "", parts.unknown);
  if (parts.eos) parts.stop_ids.push_back(*parts.eos);
  for (const int32_t id : IdsOf(files.generation_config, "eos_token_id")) parts.stop_ids.push_back(id);

  const SortedJson& config = files.tokenizer_config;
  if (!Member(config, "add_bos_token").is_null())
    Adjust(parts.prefix_ids, parts.bos, BoolOr(config, "add_bos_token", false));
  else if (parts.prefix_ids.empty() && defaults.add_bos)
    Adjust(parts.prefix_ids, parts.bos, true);
  if (!Member(config, "add_eos_token").is_null())
    Adjust(parts.suffix_ids, parts.eos, BoolOr(config, "add_eos_token", false));
}

}  // namespace tessera::text
