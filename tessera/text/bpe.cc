#include "tessera/text/bpe.h"

#include <algorithm>

#include "tessera/core/error.h"
#include "tessera/core/thread_pool.h"
#include "tessera/text/unicode.h"

namespace tessera::text {
namespace {

// True if no spelling has U+2581 behind something else: then no merge crosses the place in front of a word.
bool NoneCrossesLowerBlock(std::span<const BpePiece> pieces) {
  for (const BpePiece& piece : pieces) {
    const std::string_view text = piece.spelling;
    for (size_t at = text.find(kLowerBlock, 1); at != text.npos; at = text.find(kLowerBlock, at + 1))
      if (at < 3 || text.substr(at - 3, 3) != kLowerBlock) return false;
  }
  return true;
}

}  // namespace

Bpe::Bpe(std::span<const BpePiece> pieces, const Vocabulary& vocabulary, const BpeOptions& options)
    : options_(options), first_stand_in_(vocabulary.size()) {
  byte_units_.fill(-1);
  byte_pieces_.fill(-1);
  for (const BpePiece& piece : pieces) {
    if (piece.atom) {
      atoms_.Insert(piece.spelling, piece.id);
      has_atoms_ = true;
      continue;
    }
    if (!piece.spelling.empty() && UnitSize(piece.spelling, 0) == piece.spelling.size())
      AddUnit(piece.spelling, piece.id);
    if (options_.whole_words) whole_words_.try_emplace(piece.spelling, piece.id);
  }
  if (!options_.byte_fallback) return;
  has_byte_pieces_ = true;
  for (int32_t byte = 0; byte < 256; ++byte) {
    const auto id = vocabulary.Find(fmt::format("<0x{:02X}>", byte));
    byte_pieces_[static_cast<size_t>(byte)] = id.value_or(-1);
    has_byte_pieces_ = has_byte_pieces_ && id.has_value();
  }
}

size_t Bpe::UnitSize(std::string_view text, size_t at) const {
  return options_.byte_units ? 1 : DecodeUtf8(text, at).size;
}

void Bpe::AddUnit(std::string_view unit, int32_t id) {
  if (unit.size() == 1)
    byte_units_[static_cast<unsigned char>(unit[0])] = id;
  else
    character_units_.try_emplace(DecodeUtf8(unit, 0).value, id);
}

int32_t Bpe::UnitId(std::string_view unit) const {
  if (unit.size() == 1) return byte_units_[static_cast<unsigned char>(unit[0])];
  const auto found = character_units_.find(DecodeUtf8(unit, 0).value);
  return found == character_units_.end() ? -1 : found->second;
}

void Bpe::Finish(std::span<const BpePiece> pieces) {
  // A fused unknown may span a word's beginning unless U+2581 itself is known.
  const bool known = !options_.byte_units && UnitId(kLowerBlock) >= 0;
  breaks_before_lower_block_ = known && !options_.whole_words && NoneCrossesLowerBlock(pieces);
}

std::unique_ptr<Bpe> Bpe::FromMerges(std::span<const BpePiece> pieces, std::span<const BpeMerge> merges,
                                     const Vocabulary& vocabulary, const BpeOptions& options) {
  std::unique_ptr<Bpe> bpe(new Bpe(pieces, vocabulary, options));
  std::vector<MergeTable::Merge> table(merges.size());
  constexpr int64_t kGrain = 4096;
  ParallelForRange(std::ssize(merges), kGrain, [&](int64_t begin, int64_t end) {
    std::string joined;
    int32_t last = -1;  // most vocabularies list the pieces in the order of their merges
    for (int64_t rank = begin; rank < end; ++rank) {
      const auto& [left, right] = merges[static_cast<size_t>(rank)];
      const auto find = [&](std::string_view piece) {
        const auto id = vocabulary.Find(piece);
        Require(id.has_value(), "merges: number {} joins \"{}\" and \"{}\", but \"{}\" is not in the vocabulary", rank,
                merges[static_cast<size_t>(rank)].left.substr(0, 60),
                merges[static_cast<size_t>(rank)].right.substr(0, 60), piece.substr(0, 60));
        return *id;
      };
      joined.assign(left).append(right);
      const int32_t left_id = find(left), right_id = find(right);
      last = vocabulary.Has(last + 1) && vocabulary.piece(last + 1) == joined ? last + 1 : find(joined);
      table[static_cast<size_t>(rank)] = {left_id, right_id, static_cast<uint32_t>(rank), last};
    }
  });
  bpe->table_ = MergeTable(table);
  bpe->Finish(pieces);
  return bpe;
}

std::unique_ptr<Bpe> Bpe::FromRanks(std::span<const BpePiece> pieces, std::span<const uint32_t> ranks,
                                    const Vocabulary& vocabulary, const BpeOptions& options) {
  Require(pieces.size() == ranks.size(), "bpe: {} pieces but {} ranks", pieces.size(), ranks.size());
  std::unique_ptr<Bpe> bpe(new Bpe(pieces, vocabulary, options));
  PieceIds ids;
  ids.reserve(pieces.size());
  size_t longest = 0, work = 0;
  for (const BpePiece& piece : pieces) {
    if (piece.atom) continue;
    ids.try_emplace(piece.spelling, piece.id);
    longest = std::max(longest, piece.spelling.size());
    work = work + piece.spelling.size() * piece.spelling.size();
  }
  Require(work <= size_t{1} << 30, "bpe: the pieces are too long, up to {} bytes", longest);
  // Units without a piece of their own can still begin a merge: they get ids above the vocabulary's.
  for (const BpePiece& piece : pieces) {
    if (piece.atom) continue;
    for (size_t at = 0, size; at < piece.spelling.size(); at += size) {
      size = bpe->UnitSize(piece.spelling, at);
      const std::string_view unit = std::string_view(piece.spelling).substr(at, size);
      if (bpe->UnitId(unit) >= 0) continue;
      const auto id = bpe->first_stand_in_ + static_cast<int32_t>(bpe->stand_ins_.size());
      bpe->AddUnit(unit, id);
      bpe->stand_ins_.emplace_back(unit);
      ids.try_emplace(unit, id);
    }
  }
  std::vector<MergeTable::Merge> table;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const std::string_view piece = pieces[i].spelling;
    if (piece.empty() || pieces[i].atom) continue;
    for (size_t at = bpe->UnitSize(piece, 0); at < piece.size(); at += bpe->UnitSize(piece, at)) {
      const auto left = ids.find(piece.substr(0, at));
      if (left == ids.end()) continue;
      const auto right = ids.find(piece.substr(at));
      if (right != ids.end()) table.push_back({left->second, right->second, ranks[i], pieces[i].id});
    }
  }
  bpe->table_ = MergeTable(table);
  bpe->Finish(pieces);
  return bpe;
}

void Bpe::AppendUnknown(std::string_view unit, std::vector<int32_t>& ids) const {
  if (options_.byte_fallback && has_byte_pieces_) {
    for (const char byte : unit) ids.push_back(byte_pieces_[static_cast<unsigned char>(byte)]);
  } else if (options_.unknown) {
    if (!options_.fuse_unknown || ids.empty() || ids.back() != *options_.unknown) ids.push_back(*options_.unknown);
  }
}

void Bpe::Encode(std::string_view word, SubwordScratch& scratch, std::vector<int32_t>& ids) const {
  if (options_.whole_words) {
    const auto whole = whole_words_.find(word);
    if (whole != whole_words_.end()) {
      ids.push_back(whole->second);
      return;
    }
  }
  auto& units = scratch.ids;
  units.clear();
  for (size_t at = 0, size; at < word.size(); at += size) {
    if (has_atoms_) {
      const auto atom = atoms_.Longest(word, at);
      if ((size = atom.size) > 0) {
        units.push_back(atom.value);
        continue;
      }
    }
    size = UnitSize(word, at);
    const std::string_view unit = word.substr(at, size);
    const int32_t id = UnitId(unit);
    if (id >= 0)
      units.push_back(id);
    else
      AppendUnknown(unit, units);
  }
  MergeAll(table_, units, scratch.merge);
  if (stand_ins_.empty()) {
    ids.insert(ids.end(), units.begin(), units.end());
    return;
  }
  std::vector<int32_t> resolved;
  for (const int32_t id : units) {
    if (id < first_stand_in_)
      resolved.push_back(id);
    else
      AppendUnknown(stand_ins_[static_cast<size_t>(id - first_stand_in_)], resolved);
  }
  ids.insert(ids.end(), resolved.begin(), resolved.end());
}

}  // namespace tessera::text
