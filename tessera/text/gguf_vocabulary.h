#pragma once
// The vocabulary in a GGUF file's metadata (keys tokenizer.ggml.*), of the models "gpt2" (byte-level BPE), "llama"
// (SentencePiece BPE) and "t5" (SentencePiece unigram).

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/text/tokenizer_parts.h"
#include "tessera/weights/gguf.h"

namespace tessera::text {

template <typename Text>
struct GgufVocabularyOf {
  std::string model, pre;
  std::vector<Text> tokens;    // the index is the id
  std::vector<int64_t> types;  // 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte; may be empty
  std::vector<float> scores;   // of llama and t5
  std::vector<Text> merges;    // of gpt2: "left right"
  std::string charsmap;
  std::optional<int64_t> bos, eos, pad, unknown;
  std::vector<int64_t> stop_ids;  // end of turn, end of message
  std::optional<bool> add_bos, add_eos, add_space_prefix, remove_extra_whitespaces;
};

using GgufVocabulary = GgufVocabularyOf<std::string>;           // made to be written
using GgufVocabularyView = GgufVocabularyOf<std::string_view>;  // of a file, and valid while that is open

// The facts of an open file. Throws Error naming the key that is missing or of another type.
GgufVocabularyView ReadGgufVocabulary(const weights::GgufFile& file);

// The tokenizer of that vocabulary. Throws Error for an unknown model or pre-tokenizer, for lists of different lengths,
// and for what the other loaders refuse.
TokenizerParts MakeGgufTokenizer(const GgufVocabularyView& vocabulary);

}  // namespace tessera::text
