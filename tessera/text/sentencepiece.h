#pragma once
// SentencePiece vocabularies: from a tokenizer.model, and from any other file that holds the same facts.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/text/tokenizer_parts.h"

namespace tessera::text {

struct SentencePieceVocabulary {
  struct Piece {
    std::string spelling;
    float score = 0;
    PieceKind kind = PieceKind::kNormal;
  };
  std::vector<Piece> pieces;  // the index is the id
  bool unigram = true;        // else BPE
  bool byte_fallback = false;
  bool add_dummy_prefix = true;  // a U+2581 in front of the text
  bool remove_extra_whitespaces = true;
  bool space_as_suffix = false;  // the U+2581 goes behind a word instead
  std::string charsmap;          // the precompiled normaliser
  std::optional<int64_t> bos, eos, pad, unknown;
};

// A tokenizer.model. Throws Error for truncated or malformed bytes and for models of words or characters.
SentencePieceVocabulary ParseSentencePieceModel(std::string_view bytes);

// The tokenizer of that vocabulary. Control pieces (<s>, </s>, <unk>) are recognised in the text as special tokens;
// each text between them gets its own leading U+2581. User-defined pieces are taken wherever they stand in the
// normalised text; unused ones are never produced. Throws Error for duplicate pieces, scores that are no numbers and
// ids out of range.
TokenizerParts MakeSentencePiece(const SentencePieceVocabulary& vocabulary);

}  // namespace tessera::text
