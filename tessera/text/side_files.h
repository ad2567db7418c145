#pragma once
// What the files beside a vocabulary say: names of special tokens, BOS and EOS, the ids that end an answer.

#include <filesystem>
#include <optional>

#include "tessera/text/sorted_json.h"
#include "tessera/text/tokenizer_parts.h"

namespace tessera::text {

// Each is an empty object where the file is absent.
struct SideFiles {
  SortedJson tokenizer_config;    // tokenizer_config.json
  SortedJson special_tokens_map;  // special_tokens_map.json
  SortedJson added_tokens;        // added_tokens.json: content -> id
  SortedJson generation_config;   // generation_config.json, else config.json
};

// Reads those files of `directory`. Throws Error naming the file that is malformed.
SideFiles ReadSideFiles(const std::filesystem::path& directory);

// Completes `parts`:
//   added_tokens_decoder and added_tokens.json    tokens that the vocabulary does not have yet
//   bos_token, eos_token, pad_token, unk_token    their ids
//   eos_token_id of generation_config.json        stop ids, besides EOS
//   add_bos_token, add_eos_token                  the ids that add_special adds; where a key is absent, `parts` stands,
//                                                 or `default_add_bos` if nothing is added in front yet
struct SideFileDefaults {
  bool add_bos = false;
};
void ApplySideFiles(const SideFiles& files, const SideFileDefaults& defaults, TokenizerParts& parts);

}  // namespace tessera::text
