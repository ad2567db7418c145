#pragma once
// Byte-pair encoding in its three forms. They differ in what a merge is ranked by and in the units that it starts from:
//
//   tokenizer.json, GGUF "gpt2"       a list of merges      bytes (byte-level) or characters
//   SentencePiece BPE, GGUF "llama"   the merged piece's score, highest first      characters
//   tiktoken                          the merged piece's id, lowest first          bytes
//
// In the last two any two neighbours merge whose joined spelling is a piece.

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tessera/text/byte_trie.h"
#include "tessera/text/merge_table.h"
#include "tessera/text/subword_model.h"
#include "tessera/text/vocabulary.h"

namespace tessera::text {

struct BpeOptions {
  bool byte_units = false;         // units are bytes, not characters
  bool whole_words = false;        // a word that is a piece is taken as it is ("ignore_merges")
  bool byte_fallback = false;      // an unknown character becomes its bytes <0x00> … <0xFF>
  bool fuse_unknown = false;       // a run of unknown characters becomes one unknown id
  std::optional<int32_t> unknown;  // without it unknown units vanish
};

// A piece that merging may produce or start from: its spelling in the model's units, and its id.
struct BpePiece {
  std::string spelling;
  int32_t id;
  bool atom = false;  // taken wherever it stands, longest first, and merged with nothing
};

// Two neighbours that merge, in the spelling of the vocabulary.
struct BpeMerge {
  std::string_view left, right;
};

class Bpe : public SubwordModel {
 public:
  // With a list of merges in order of rank; both sides and their union must be in `vocabulary`. Throws Error naming the
  // merge otherwise. Of `pieces` only units, atoms and, with whole_words, whole words are needed.
  static std::unique_ptr<Bpe> FromMerges(std::span<const BpePiece> pieces, std::span<const BpeMerge> merges,
                                         const Vocabulary& vocabulary, const BpeOptions& options);
  // With ranks[i] for pieces[i]: any two pieces merge whose union is a piece.
  static std::unique_ptr<Bpe> FromRanks(std::span<const BpePiece> pieces, std::span<const uint32_t> ranks,
                                        const Vocabulary& vocabulary, const BpeOptions& options);

  void Encode(std::string_view word, SubwordScratch& scratch, std::vector<int32_t>& ids) const override;
  bool BreaksBeforeLowerBlock() const override { return breaks_before_lower_block_; }

 private:
  using PieceIds = std::unordered_map<std::string_view, int32_t>;
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  Bpe(std::span<const BpePiece> pieces, const Vocabulary& vocabulary, const BpeOptions& options);
  size_t UnitSize(std::string_view text, size_t at) const;
  void AddUnit(std::string_view unit, int32_t id);
  int32_t UnitId(std::string_view unit) const;
  void AppendUnknown(std::string_view unit, std::vector<int32_t>& ids) const;
  void Finish(std::span<const BpePiece> pieces);

  BpeOptions options_;
  MergeTable table_;
  std::array<int32_t, 256> byte_units_;                    // ids of one-byte units
  std::unordered_map<char32_t, int32_t> character_units_;  // ids of other units
  std::array<int32_t, 256> byte_pieces_;                   // ids of <0x00> … <0xFF>
  bool has_byte_pieces_ = false;
  ByteTrie atoms_;
  bool has_atoms_ = false;
  std::vector<std::string> stand_ins_;  // spellings of units that only occur inside longer pieces
  int32_t first_stand_in_ = 0;          // their ids begin here, above all others
  std::unordered_map<std::string, int32_t, Hash, std::equal_to<>> whole_words_;
  bool breaks_before_lower_block_ = false;
};

}  // namespace tessera::text
