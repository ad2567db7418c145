#include "tessera/text/export_tiktoken.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tessera/core/error.h"
#include "tessera/text/tiktoken.h"

namespace tessera::text {
namespace {

constexpr int64_t kNormal = 1, kControl = 3;  // of tokenizer.ggml.token_type

using Ranks = std::unordered_map<std::string_view, int32_t>;

// The bytes of a piece, each as the character that stands for it.
std::vector<std::string_view> Characters(std::string_view piece) {
  std::vector<std::string_view> characters;
  for (size_t at = 0; at < piece.size();) {
    const size_t size = static_cast<unsigned char>(piece[at]) < 0x80 ? 1 : 2;  // the alphabet ends below U+0800
    characters.push_back(piece.substr(at, size));
    at += size;
  }
  return characters;
}

// What merging by ranks below `rank` leaves of a piece, until two parts are left.
std::vector<std::string_view> Parts(std::string_view piece, int32_t rank, const Ranks& ranks) {
  std::vector<std::string_view> parts = Characters(piece);
  while (parts.size() > 2) {
    int32_t best = rank;
    size_t at = 0;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      const std::string_view both(parts[i].data(), parts[i].size() + parts[i + 1].size());  // neighbours in `piece`
      const auto found = ranks.find(both);
      if (found == ranks.end() || found->second >= best) continue;
      best = found->second;
      at = i;
    }
    if (best == rank) break;
    parts[at] = {parts[at].data(), parts[at].size() + parts[at + 1].size()};
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
  return parts;
}

}  // namespace

GgufVocabulary ExportTiktoken(const Tokenizer& tokenizer, const SortedJson& config) {
  Require(StringOr(config, "pat_str", KimiPattern()) == KimiPattern(),
          "GGUF has no name for the split pattern of this tiktoken.model");
  GgufVocabulary out{.model = "gpt2", .pre = "kimi-k2"};
  Ranks ranks;
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    out.tokens.emplace_back(tokenizer.IdToPiece(id));
    out.types.push_back(tokenizer.IsSpecial(id) ? kControl : kNormal);
  }
  for (size_t id = 0; id < out.tokens.size(); ++id)
    if (out.types[id] == kNormal) ranks.emplace(out.tokens[id], static_cast<int32_t>(id));
  for (size_t id = 0; id < out.tokens.size(); ++id) {
    if (out.types[id] != kNormal) continue;
    // A token that the lower ranks do not make of two parts is met as a whole word or never.
    const auto parts = Parts(out.tokens[id], static_cast<int32_t>(id), ranks);
    if (parts.size() == 2) out.merges.push_back(std::string(parts[0]) + " " + std::string(parts[1]));
  }
  return out;
}

}  // namespace tessera::text
