// SentencePiece's precompiled table: the longest prefix that the table knows is replaced, again and again.
//
//   u32 size of the trie | trie: u32 units of a double array (darts-clone) | replacements, each ended by a zero byte
//
//   unit bits   0..7 label   8 has a leaf   9 offset is shifted by 8 more   10..30 offset   31 is a value

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>

#include "tessera/core/error.h"
#include "tessera/text/normalizer.h"
#include "tessera/text/unicode.h"

namespace tessera::text {
namespace {

constexpr size_t kMaxKey = 256;

class Charsmap {
 public:
  explicit Charsmap(const std::string& blob) {
    uint32_t size = 0;
    Require(blob.size() >= 4, "charsmap: {} bytes are too few", blob.size());
    std::memcpy(&size, blob.data(), 4);
    Require(size % 4 == 0 && size <= blob.size() - 4, "charsmap: a trie of {} bytes in a table of {}", size,
            blob.size());
    units_.resize(size / 4);
    if (size > 0) std::memcpy(units_.data(), blob.data() + 4, size);
    replacements_ = blob.substr(4 + size);
  }

  std::string Apply(const std::string& text) const {
    std::string out;
    out.reserve(text.size());
    for (size_t at = 0; at < text.size();) {
      if (const auto found = Longest(text, at)) {
        out += found->replacement;
        RequireModestGrowth(text.size(), out.size(), "charsmap");
        at += found->size;
      } else {
        const CodePoint c = DecodeUtf8(text, at);
        AppendUtf8(c.value, out);
        at += c.size;
      }
    }
    return out;
  }

 private:
  struct Found {
    size_t size;
    std::string_view replacement;
  };

  std::optional<Found> Longest(std::string_view text, size_t at) const {
    const auto offset = [](uint32_t unit) -> size_t { return (unit >> 10) << ((unit & (1u << 9)) >> 6); };
    std::optional<Found> longest;
    if (units_.empty()) return longest;
    size_t node = offset(units_[0]);
    // A damaged trie may have cycles; keys of real ones have at most a few dozen bytes.
    const size_t end = std::min(text.size(), at + kMaxKey);
    for (size_t i = at; i < end; ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      node ^= byte;
      if (node >= units_.size()) break;
      const uint32_t unit = units_[node];
      if ((unit & (1u << 31 | 0xFF)) != byte) break;
      node ^= offset(unit);
      if (node >= units_.size()) break;
      if ((unit >> 8 & 1) == 0) continue;
      const size_t begin = units_[node] & 0x7FFFFFFF;
      if (begin >= replacements_.size()) break;
      longest = Found{i + 1 - at, std::string_view(replacements_.c_str() + begin)};
    }
    return longest;
  }

  std::vector<uint32_t> units_;
  std::string replacements_;
};

}  // namespace

Normalizer::Step PrecompiledStep(std::string charsmap) {
  if (charsmap.empty()) return [](std::string text) { return text; };
  auto map = std::make_shared<const Charsmap>(charsmap);
  return [map](std::string text) { return map->Apply(text); };
}

}  // namespace tessera::text
