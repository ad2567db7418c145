#pragma once
// Stages of a pre-tokenizer that cut without changing the text.

#include <memory>
#include <string_view>

#include "tessera/text/pre_tokenizer.h"

namespace tessera::text {

struct SplitOptions {
  SplitBehavior behavior = SplitBehavior::kIsolated;
  bool invert = false;  // what the pattern does not match counts as the match
};

// Cuts at the matches of a regular expression; each piece is searched on its own, so nothing looks past its end.
std::unique_ptr<PreTokenizerStage> PatternSplit(std::string_view pattern, const SplitOptions& options);

// Cuts at each character that `is_match` accepts.
std::unique_ptr<PreTokenizerStage> CharacterSplit(bool (*is_match)(char32_t), SplitBehavior behavior);

}  // namespace tessera::text
