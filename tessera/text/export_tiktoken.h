#pragma once
// A tiktoken vocabulary as GGUF has it: byte-level BPE by merges instead of ranks.

#include <string>

#include "tessera/text/gguf_vocabulary.h"
#include "tessera/text/sorted_json.h"
#include "tessera/text/tokenizer.h"

namespace tessera::text {

// Tokens, types and merges of a tokenizer that was loaded from a tiktoken.model; `config` is its tokenizer_config.json.
// The merge that makes a token joins the two parts that the lower ranks make of its bytes. Throws Error if the split
// pattern is not Kimi's, which is the one that has a name in GGUF.
GgufVocabulary ExportTiktoken(const Tokenizer& tokenizer, const SortedJson& config);

}  // namespace tessera::text
