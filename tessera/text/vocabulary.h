#pragma once
// The pieces of a vocabulary, by id and by spelling, as the file writes them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tessera::text {

// Tables by id stay below 16 MB even if a tiny file names the highest id; a longer piece would only waste time.
inline constexpr int32_t kMaxVocabulary = 1 << 20;
inline constexpr size_t kMaxPieceBytes = 4096;

enum class PieceKind : uint8_t { kAbsent, kNormal, kUnknown, kControl, kUserDefined, kUnused, kByte };

class Vocabulary {
 public:
  // Gives `id` the spelling `piece`. Saying the same again is allowed.
  // Throws Error for an id outside 0 … kMaxVocabulary - 1, and for an id or a piece that has another meaning already.
  void Add(int64_t id, std::string_view piece, PieceKind kind = PieceKind::kNormal);
  void SetKind(int32_t id, PieceKind kind) { kinds_[static_cast<size_t>(id)] = kind; }

  int32_t size() const { return static_cast<int32_t>(pieces_.size()); }  // the highest id + 1; there may be gaps
  bool Has(int64_t id) const { return id >= 0 && id < size() && kind(static_cast<int32_t>(id)) != PieceKind::kAbsent; }
  std::optional<int32_t> Find(std::string_view piece) const;
  std::string_view piece(int32_t id) const { return *pieces_[static_cast<size_t>(id)]; }  // Has(id) holds
  PieceKind kind(int32_t id) const { return kinds_[static_cast<size_t>(id)]; }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  std::unordered_map<std::string, int32_t, Hash, std::equal_to<>> ids_;
  std::vector<const std::string*> pieces_;  // the keys of ids_, whose addresses are stable
  std::vector<PieceKind> kinds_;
};

// The byte that a piece such as "<0x0A>" stands for.
std::optional<uint8_t> ByteOfPiece(std::string_view piece);

}  // namespace tessera::text
