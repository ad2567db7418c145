#pragma once
#include <string_view>

#include "tessera/text/tokenizer_parts.h"

namespace tessera::text {

// A tokenizer.json as the library `tokenizers` writes it, with a BPE or Unigram model. `where` names it in errors.
// Throws Error for malformed JSON, for a kind of stage that is not known, and for a vocabulary that contradicts itself:
// merges of pieces that are not there, ids or pieces with two meanings, ids out of range.
TokenizerParts ParseTokenizerJson(std::string_view text, std::string_view where);

}  // namespace tessera::text
