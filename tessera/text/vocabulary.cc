#include "tessera/text/vocabulary.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "tessera/core/error.h"

namespace tessera::text {
namespace {

uint64_t Hash(std::string_view text) {
  uint64_t hash = text.size() * 0x9E3779B97F4A7C15u;
  const auto mix = [&](size_t at, size_t size) {
    uint64_t word = 0;
    std::memcpy(&word, text.data() + at, size);
    hash = (hash ^ word) * 0xD6E8FEB86659FD93u;
    hash ^= hash >> 32;
  };
  size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) mix(at, 8);
  if (at < text.size()) mix(at, text.size() - at);
  return hash;
}

}  // namespace

size_t Vocabulary::SlotOf(std::string_view text) const {
  const size_t mask = slots_.size() - 1;
  size_t slot = Hash(text) & mask;
  while (slots_[slot] != kFree && piece(slots_[slot]) != text) slot = (slot + 1) & mask;
  return slot;
}

void Vocabulary::Rehash(size_t slots) {
  slots_.assign(slots, kFree);
  for (int32_t id = 0; id < size(); ++id)
    if (Has(id)) slots_[SlotOf(piece(id))] = id;
}

void Vocabulary::Reserve(size_t pieces, size_t bytes) {
  pieces_.reserve(pieces);
  spellings_.reserve(bytes);
  if (const size_t slots = std::bit_ceil(2 * pieces + 2); slots > slots_.size()) Rehash(slots);
}

void Vocabulary::Add(int64_t id, std::string_view text, PieceKind kind) {
  Require(id >= 0 && id < kMaxVocabulary, "vocabulary: the id {} of \"{}\" is outside 0 … {}", id, text.substr(0, 60),
          kMaxVocabulary - 1);
  Require(text.size() <= kMaxPieceBytes, "vocabulary: the piece of id {} has {} bytes, the limit is {}", id,
          text.size(), kMaxPieceBytes);
  if (2 * count_ + 2 > slots_.size()) Rehash(std::max<size_t>(16, 2 * slots_.size()));
  const auto number = static_cast<int32_t>(id);
  const size_t slot = SlotOf(text);
  Require(slots_[slot] == kFree || slots_[slot] == number, "vocabulary: the piece \"{}\" has the ids {} and {}",
          text.substr(0, 60), slots_[slot], id);
  Require(!Has(id) || slots_[slot] == number, "vocabulary: the id {} means both \"{}\" and \"{}\"", id,
          Has(id) ? piece(number).substr(0, 60) : std::string_view(), text.substr(0, 60));
  const auto index = static_cast<size_t>(id);
  if (index >= pieces_.size()) pieces_.resize(index + 1);
  if (slots_[slot] == kFree) {
    pieces_[index].begin = static_cast<uint32_t>(spellings_.size());
    pieces_[index].size = static_cast<uint16_t>(text.size());
    spellings_.append(text);
    slots_[slot] = number;
    ++count_;
  }
  pieces_[index].kind = kind;
}

std::optional<int32_t> Vocabulary::Find(std::string_view piece) const {
  const int32_t id = slots_.empty() ? kFree : slots_[SlotOf(piece)];
  return id == kFree ? std::nullopt : std::optional(id);
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
