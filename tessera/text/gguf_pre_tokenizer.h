#pragma once
// The pre-tokenizers that GGUF files know by name (tokenizer.ggml.pre).

#include <string_view>
#include <vector>

namespace tessera::text {

struct GgufPreTokenizer {
  std::vector<std::string_view> patterns;  // cut by each in turn
  bool nfc = false;                        // the text is brought to NFC first
  bool whole_words = false;                // a word that is a token is taken as it is
  bool add_bos = false;                    // unless the file says otherwise
};

// Throws Error listing the known names if `name` is not one of them. An empty name means "default" (GPT-2).
const GgufPreTokenizer& FindGgufPreTokenizer(std::string_view name);

}  // namespace tessera::text
