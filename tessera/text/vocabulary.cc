#include "tessera/text/vocabulary.h"

#include "tessera/core/error.h"

namespace tessera::text {

void Vocabulary::Add(int64_t id, std::string_view piece, PieceKind kind) {
  Require(id >= 0 && id < kMaxVocabulary, "vocabulary: the id {} of \"{}\" is outside 0 … {}", id, piece.substr(0, 60),
          kMaxVocabulary - 1);
  Require(piece.size() <= kMaxPieceBytes, "vocabulary: the piece of id {} has {} bytes, the limit is {}", id,
          piece.size(), kMaxPieceBytes);
  const auto index = static_cast<size_t>(id);
  if (index >= pieces_.size()) {
    pieces_.resize(index + 1, nullptr);
    kinds_.resize(index + 1, PieceKind::kAbsent);
  }
  const auto [entry, fresh] = ids_.try_emplace(std::string(piece), static_cast<int32_t>(id));
  Require(fresh || entry->second == id, "vocabulary: the piece \"{}\" has the ids {} and {}", piece.substr(0, 60),
          entry->second, id);
  Require(pieces_[index] == nullptr || pieces_[index] == &entry->first,
          "vocabulary: the id {} means both \"{}\" and \"{}\"", id,
          pieces_[index] ? std::string_view(*pieces_[index]).substr(0, 60) : std::string_view(), piece.substr(0, 60));
  pieces_[index] = &entry->first;
  kinds_[index] = kind;
}

std::optional<int32_t> Vocabulary::Find(std::string_view piece) const {
  const auto entry = ids_.find(piece);
  return entry == ids_.end() ? std::nullopt : std::optional(entry->second);
}

std::optional<uint8_t> ByteOfPiece(std::string_view piece) {
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') return std::nullopt;
  unsigned value = 0;
  for (const char c : piece.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0) return std::nullopt;
    value = value * 16 + static_cast<unsigned>(digit);
  }
  return static_cast<uint8_t>(value);
}

}  // namespace tessera::text
