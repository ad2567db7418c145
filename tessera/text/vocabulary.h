#pragma once
// The pieces of a vocabulary, by id and by spelling, as the file writes them.
//
// Spellings lie end to end, and a table of ids with open addressing finds them: about 20 bytes a piece beside its
// spelling, and no allocation for each.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::text {

// Tables by id stay below 16 MB even if a tiny file names the highest id; a longer piece would only waste time.
inline constexpr int32_t kMaxVocabulary = 1 << 20;
inline constexpr size_t kMaxPieceBytes = 4096;

enum class PieceKind : uint8_t { kAbsent, kNormal, kUnknown, kControl, kUserDefined, kUnused, kByte };

class Vocabulary {
 public:
  // Makes room for so many pieces, whose spellings take `bytes` bytes together.
  void Reserve(size_t pieces, size_t bytes);
  // Gives `id` the spelling `piece`. Saying the same again is allowed.
  // Throws Error for an id outside 0 … kMaxVocabulary - 1, and for an id or a piece that has another meaning already.
  void Add(int64_t id, std::string_view piece, PieceKind kind = PieceKind::kNormal);
  void SetKind(int32_t id, PieceKind kind) { pieces_[static_cast<size_t>(id)].kind = kind; }

  int32_t size() const { return static_cast<int32_t>(pieces_.size()); }  // the highest id + 1; there may be gaps
  size_t bytes() const { return spellings_.size(); }                     // of all spellings
  bool Has(int64_t id) const { return id >= 0 && id < size() && kind(static_cast<int32_t>(id)) != PieceKind::kAbsent; }
  std::optional<int32_t> Find(std::string_view piece) const;
  // The spelling, valid until the next Add. Has(id) holds.
  std::string_view piece(int32_t id) const {
    const Piece& entry = pieces_[static_cast<size_t>(id)];
    return {spellings_.data() + entry.begin, entry.size};
  }
  PieceKind kind(int32_t id) const { return pieces_[static_cast<size_t>(id)].kind; }

 private:
  static constexpr int32_t kFree = -1;
  struct Piece {
    uint32_t begin = 0;  // in spellings_
    uint16_t size = 0;
    PieceKind kind = PieceKind::kAbsent;
  };
  size_t SlotOf(std::string_view piece) const;  // where it stands, or the free slot where it would
  void Rehash(size_t slots);

  std::string spellings_;
  std::vector<Piece> pieces_;   // [id]
  std::vector<int32_t> slots_;  // ids, or kFree; a power of two, at most half of them taken
  size_t count_ = 0;            // of pieces that are there
};

// The byte that a piece such as "<0x0A>" stands for.
std::optional<uint8_t> ByteOfPiece(std::string_view piece);

}  // namespace tessera::text
