#pragma once
// The unigram language model (Kudo 2018): of all ways to write a word as pieces, the one with the highest sum of
// scores, found by Viterbi's algorithm in time linear in the text.
//
//   best(j) = max over pieces w that end at j of best(j - |w|) + score(w)
//
// A character that is no piece scores 10 below the lowest score; neighbours of that kind become one unknown id, or
// their bytes with byte fallback.

#include <array>
#include <optional>
#include <span>
#include <string>

#include "tessera/text/byte_trie.h"
#include "tessera/text/subword_model.h"
#include "tessera/text/vocabulary.h"

namespace tessera::text {

struct UnigramPiece {
  std::string spelling;
  double score = 0;
  int32_t id = 0;
  bool user_defined = false;  // beats every other way to write the same characters
};

struct UnigramOptions {
  std::optional<int32_t> unknown;
  bool byte_fallback = false;
  bool single_precision = false;  // sums are rounded to float, as SentencePiece does; else double
};

class Unigram : public SubwordModel {
 public:
  // Throws Error if a score is not finite.
  Unigram(std::span<const UnigramPiece> pieces, const Vocabulary& vocabulary, const UnigramOptions& options);
  void Encode(std::string_view word, SubwordScratch& scratch, std::vector<int32_t>& ids) const override;

 private:
  struct Node {
    double score = 0;
    uint32_t size = 0;   // bytes of the piece that ends here on the best path; 0: not reached
    int32_t piece = -1;  // index into scores_, -1: an unknown character
  };
  double Round(double sum) const {
    return options_.single_precision ? static_cast<double>(static_cast<float>(sum)) : sum;
  }
  void Relax(std::string_view word, std::vector<Node>& best) const;
  void AppendUnknown(std::string_view part, std::vector<int32_t>& ids) const;

  struct Score {
    double score;
    int32_t id;
    bool user_defined;
  };
  UnigramOptions options_;
  ByteTrie trie_;
  std::vector<Score> scores_;
  double unknown_score_ = -10, highest_ = 0;
  std::array<int32_t, 256> byte_pieces_{};
  bool has_byte_pieces_ = false;
};

}  // namespace tessera::text
