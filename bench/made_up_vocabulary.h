#pragma once
// A byte-level vocabulary of any size that was never trained: it spells every text, and every piece but the bytes and
// the special ones is the merge of two others, as readers of such files demand.

#include <cstdint>
#include <map>
#include <string>

#include "tessera/text/gguf_vocabulary.h"

namespace tessera::bench {

struct SpecialPieces {
  int64_t bos = 0, eos = 0;               // may be the same
  std::map<int64_t, std::string> others;  // by id: what stands for pictures
  std::string bos_piece = "<|bos|>", eos_piece = "<|eos|>";
};

// Pieces in the order of their ids, the special ones left out: the 256 bytes, then as the n-th piece, n from 256 on,
// piece n / 256 - 1 followed by byte n mod 256.
// Throws Error for sizes outside 512 … 2^24 and for ids outside the vocabulary.
text::GgufVocabulary MadeUpVocabulary(int64_t size, const SpecialPieces& special);

// The same as the text of a tokenizer.json.
std::string AsTokenizerJson(const text::GgufVocabulary& vocabulary);

}  // namespace tessera::bench
