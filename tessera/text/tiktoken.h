#pragma once
#include <string_view>

#include "tessera/text/sorted_json.h"
#include "tessera/text/tokenizer_parts.h"

namespace tessera::text {

// A tiktoken.model, one line "base64-of-bytes rank" a token, as Kimi's checkpoints have it. The rank is the id, and the
// lowest rank merges first. `config` is tokenizer_config.json:
//
//   pat_str               the split pattern; without it Kimi's, which the checkpoints keep in their code
//   num_special_tokens    special ids after the ranks (256 without it); names in added_tokens_decoder, the others are
//                         <|reserved_token_ID|>
//   max_encode_chars, max_run_chars     ChunkLimits (400,000 and 25,000 without them)
//
// `where` names the file in errors. Throws Error naming the line that is malformed, and for ranks with gaps or twice.
TokenizerParts ParseTiktoken(std::string_view text, const SortedJson& config, std::string_view where);

// The split pattern of Kimi's models: runs of Han, words by case, numbers of up to three digits, punctuation, spaces.
std::string_view KimiPattern();

}  // namespace tessera::text
