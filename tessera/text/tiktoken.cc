#include "tessera/text/tiktoken.h"

#include <charconv>
#include <numeric>
#include <string>
#include <utility>

#include "tessera/core/error.h"
#include "tessera/text/base64.h"
#include "tessera/text/bpe.h"
#include "tessera/text/byte_alphabet.h"

namespace tessera::text {
namespace {

constexpr int64_t kDefaultSpecial = 256, kMaxSpecial = 100'000;
constexpr int64_t kDefaultMaxCharacters = 400'000, kDefaultMaxRun = 25'000;

std::pair<std::string, int64_t> ParseLine(std::string_view line, size_t number) {
  const size_t space = line.find(' ');
  Require(space != line.npos, "line {}: not a token and its rank", number);
  auto bytes = DecodeBase64(line.substr(0, space));
  Require(bytes && !bytes->empty(), "line {}: the token is not base64", number);
  int64_t rank = -1;
  const char* end = line.data() + line.size();
  const auto parsed = std::from_chars(line.data() + space + 1, end, rank);
  Require(parsed.ec == std::errc() && parsed.ptr == end, "line {}: the rank \"{}\" is not a number", number,
          line.substr(space + 1, 40));
  return {std::move(*bytes), rank};
}

std::vector<BpePiece> ParseRanks(std::string_view text) {
  std::vector<BpePiece> pieces;
  for (size_t at = 0, number = 1; at < text.size(); ++number) {
    size_t end = text.find('\n', at);
    if (end == text.npos) end = text.size();
    std::string_view line = text.substr(at, end - at);
    at = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    auto [bytes, rank] = ParseLine(line, number);
    Require(rank >= 0 && rank < kMaxVocabulary, "line {}: the rank {} is out of range", number, rank);
    pieces.push_back({std::move(bytes), static_cast<int32_t>(rank)});
  }
  return pieces;
}

int64_t Limit(const SortedJson& config, std::string_view key, int64_t fallback, int64_t most) {
  const int64_t value = IntOr(config, key, fallback);
  Require(value >= 1 && value <= most, "tokenizer_config.json: \"{}\" is {}, outside 1 … {}", key, value, most);
  return value;
}

}  // namespace

std::string_view KimiPattern() {
  return R"([\p{Han}]+)"
         R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+)"
         R"((?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
         R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*)"
         R"((?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
         R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
}

TokenizerParts ParseTiktoken(std::string_view text, const SortedJson& config, std::string_view where) {
  return WithContext(where, [&] {
    TokenizerParts parts;
    const auto pieces = ParseRanks(text);
    std::vector<uint32_t> ranks;
    for (const BpePiece& piece : pieces) {
      Require(static_cast<size_t>(piece.id) < pieces.size(), "the rank {} is beyond the {} tokens", piece.id,
              pieces.size());
      parts.vocabulary.Add(piece.id, PieceOfBytes(piece.spelling));
      ranks.push_back(static_cast<uint32_t>(piece.id));
    }
    Require(static_cast<size_t>(parts.vocabulary.size()) == pieces.size(), "the ranks have gaps");
    const auto base = static_cast<int64_t>(pieces.size());
    Require(IntOr(config, "num_base_tokens", base) == base,
            "{} ranks, but tokenizer_config.json says {}. Was the download cut?", base,
            IntOr(config, "num_base_tokens", base));
    const int64_t special = Limit(config, "num_special_tokens", kDefaultSpecial, kMaxSpecial);
    for (int64_t id = base; id < base + special; ++id) {
      const SortedJson& named = Member(Member(config, "added_tokens_decoder"), std::to_string(id));
      const std::string name = StringOr(named, "content", fmt::format("<|reserved_token_{}|>", id));
      parts.vocabulary.Add(id, name, PieceKind::kControl);
      parts.added.Add({.id = static_cast<int32_t>(id), .content = name});
    }
    parts.pre_tokenizer.AddSplit(StringOr(config, "pat_str", KimiPattern()));
    parts.pre_tokenizer.SetByteLevel();
    parts.decoder = PieceDecoder::ByteLevel();
    parts.chunks = {static_cast<size_t>(Limit(config, "max_encode_chars", kDefaultMaxCharacters, INT64_MAX)),
                    static_cast<size_t>(Limit(config, "max_run_chars", kDefaultMaxRun, INT64_MAX))};
    parts.model = Bpe::FromRanks(pieces, ranks, parts.vocabulary, {.byte_units = true, .whole_words = true});
    return parts;
  });
}

}  // namespace tessera::text
