#pragma once
// What a loader fills in to make a Tokenizer. Adding a kind of vocabulary means writing one function that returns this,
// and naming it in load_tokenizer.cc.

#include <memory>
#include <optional>
#include <vector>

#include "tessera/text/added_tokens.h"
#include "tessera/text/normalizer.h"
#include "tessera/text/piece_decoder.h"
#include "tessera/text/pre_tokenizer.h"
#include "tessera/text/subword_model.h"
#include "tessera/text/vocabulary.h"

namespace tessera::text {

// A text is first cut into chunks of max_characters, and each wherever a run of white space, or of anything else, gets
// longer than max_run; every part is encoded on its own. 0: no limit.
struct ChunkLimits {
  size_t max_characters = 0, max_run = 0;
};

struct TokenizerParts {
  Vocabulary vocabulary;
  AddedTokens added;
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  std::unique_ptr<SubwordModel> model;
  PieceDecoder decoder;
  ChunkLimits chunks;
  std::vector<int32_t> prefix_ids, suffix_ids;  // what add_special adds
  std::vector<int32_t> stop_ids;
  std::optional<int32_t> bos, eos, pad, unknown;
};

}  // namespace tessera::text
