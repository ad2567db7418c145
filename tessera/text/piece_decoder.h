#pragma once
// From a piece's spelling back to the bytes it stands for, as the "decoder" of tokenizer.json says. Each piece decodes
// on its own, except for what is taken from the front of the whole text; so a text can be decoded token by token.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/text/sorted_json.h"

namespace tessera::text {

class PieceDecoder {
 public:
  using Step = std::function<std::string(std::string)>;

  PieceDecoder() = default;  // a piece stands for itself
  // Knows ByteLevel, Metaspace, ByteFallback, Fuse, Strip, Replace and Sequence; throws Error naming any other type.
  static PieceDecoder FromJson(const SortedJson& json);
  // Byte-level: the bytes that the piece's characters stand for.
  static PieceDecoder ByteLevel();
  // SentencePiece: U+2581 becomes a space, <0x0A> a byte; with `drop_first_space` one space in front of the text goes.
  struct SentencePieceOptions {
    bool drop_first_space = true;
  };
  static PieceDecoder SentencePiece(const SentencePieceOptions& options);

  std::string Decode(std::string_view piece) const;
  // Appends what Decode(piece) gives to `out`.
  void AppendDecoded(std::string_view piece, std::string& out) const;
  // So many of strip_character() are dropped from the front of the whole text.
  int strip_left() const { return strip_left_; }
  char strip_character() const { return strip_character_; }

 private:
  void AddSteps(const SortedJson& json, int depth);
  void AddStrip(const SortedJson& json);
  void AddMetaspace(const SortedJson& json);

  std::vector<Step> steps_;
  bool only_byte_level_ = false;  // the one step of most vocabularies, which needs no strings on the way
  int strip_left_ = 0;
  char strip_character_ = ' ';
  bool fused_ = false;
};

}  // namespace tessera::text
