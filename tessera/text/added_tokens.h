#pragma once
// Tokens that are found in the text before anything else happens to it: `<|im_start|>`, `<tool_call>`, ….

#include <array>
#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tessera/text/byte_trie.h"

namespace tessera::text {

struct AddedToken {
  int32_t id = 0;
  std::string content;
  bool special = true;       // belongs to the model's protocol: left as text on request, and skipped on request
  bool single_word = false;  // only where no letter, digit or underscore touches it
  bool lstrip = false;       // takes the white space on its left with it
  bool rstrip = false;       // and on its right
  bool normalized = false;   // looked for in the normalised text
};

class AddedTokens {
 public:
  static constexpr size_t kMaxBytes = 1000;  // of one token's content

  // A token whose content is there already replaces it. Throws Error if the content is empty or too long.
  void Add(AddedToken token);
  // Makes the tokens ready to be found; those with `normalized` set are looked for as `normalize(content)`.
  template <typename Normalize>
  void Build(Normalize&& normalize) {
    for (AddedToken& token : tokens_) Index(token, token.normalized ? normalize(token.content) : token.content);
  }

  const std::vector<AddedToken>& all() const { return tokens_; }

  // A part of a text: plain text, or a token (id >= 0) that stands there.
  struct Part {
    size_t begin = 0, end = 0;
    int32_t id = -1;
  };
  enum class Which { kRaw, kNormalized };
  // Cuts `text` at the tokens found in it, leftmost first and the longest of those. With `skip_special` special ones
  // are left in the plain text. Plain parts are never empty.
  std::vector<Part> Split(std::string_view text, Which which, bool skip_special) const;
  bool has_normalized() const { return finders_[1].any; }

 private:
  struct Finder {
    ByteTrie trie;
    ByteTrie ordinary;       // without the special ones
    std::bitset<256> first;  // bytes that a token can begin with
    bool any = false;
  };
  void Index(const AddedToken& token, std::string_view content);

  std::vector<AddedToken> tokens_;
  std::unordered_map<std::string, size_t> index_;
  std::array<Finder, 2> finders_;
};

}  // namespace tessera::text
