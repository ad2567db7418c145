#include "tessera/text/added_tokens.h"

#include "tessera/core/error.h"
#include "tessera/text/unicode.h"

namespace tessera::text {
namespace {

size_t CharacterBefore(std::string_view text, size_t at) {
  size_t begin = at - 1;
  while (begin > 0 && at - begin < 4 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
  return begin;
}

bool IsWordCharacter(std::string_view text, size_t at) {
  const char32_t c = DecodeUtf8(text, at).value;
  if (c < 0x80) return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  return !IsWhiteSpace(c) && !IsPunctuation(c);
}

bool StandsAlone(std::string_view text, size_t begin, size_t end) {
  return (begin == 0 || !IsWordCharacter(text, CharacterBefore(text, begin))) &&
         (end == text.size() || !IsWordCharacter(text, end));
}

size_t SkipSpacesLeft(std::string_view text, size_t at, size_t limit) {
  while (at > limit) {
    const size_t before = CharacterBefore(text, at);
    if (before < limit || !IsWhiteSpace(DecodeUtf8(text, before).value)) break;
    at = before;
  }
  return at;
}

size_t SkipSpacesRight(std::string_view text, size_t at) {
  while (at < text.size()) {
    const CodePoint c = DecodeUtf8(text, at);
    if (!IsWhiteSpace(c.value)) break;
    at += c.size;
  }
  return at;
}

}  // namespace

void AddedTokens::Add(AddedToken token) {
  Require(!token.content.empty(), "added token: the content of id {} is empty", token.id);
  Require(token.content.size() <= kMaxBytes, "added token: the content of id {} has {} bytes, the limit is {}",
          token.id, token.content.size(), kMaxBytes);
  const auto [entry, fresh] = index_.try_emplace(token.content, tokens_.size());
  if (fresh)
    tokens_.push_back(std::move(token));
  else
    tokens_[entry->second] = std::move(token);
}

void AddedTokens::Index(const AddedToken& token, std::string_view content) {
  if (content.empty()) return;
  Finder& finder = finders_[token.normalized ? 1 : 0];
  const auto index = static_cast<int32_t>(index_.at(token.content));
  finder.trie.Insert(content, index);
  if (!token.special) finder.ordinary.Insert(content, index);
  finder.first.set(static_cast<unsigned char>(content[0]));
  finder.any = true;
}

std::vector<AddedTokens::Part> AddedTokens::Split(std::string_view text, Which which, bool skip_special) const {
  const Finder& finder = finders_[which == Which::kNormalized ? 1 : 0];
  std::vector<Part> parts;
  size_t done = 0;
  const auto plain_until = [&](size_t end) {
    if (end > done) parts.push_back({done, end, -1});
  };
  if (finder.any) {
    const ByteTrie& trie = skip_special ? finder.ordinary : finder.trie;
    for (size_t at = 0; at < text.size();) {
      if (!finder.first[static_cast<unsigned char>(text[at])]) {
        ++at;
        continue;
      }
      const auto match = trie.Longest(text, at);
      if (match.size == 0) {
        ++at;
        continue;
      }
      const AddedToken& token = tokens_[static_cast<size_t>(match.value)];
      size_t begin = at, end = at + match.size;
      at = end;
      if (token.single_word && !StandsAlone(text, begin, end)) continue;
      if (token.lstrip) begin = SkipSpacesLeft(text, begin, done);
      if (token.rstrip) end = at = SkipSpacesRight(text, end);
      plain_until(begin);
      parts.push_back({begin, end, token.id});
      done = end;
    }
  }
  plain_until(text.size());
  return parts;
}

}  // namespace tessera::text
