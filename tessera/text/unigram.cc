#include "tessera/text/unigram.h"

#include <algorithm>
#include <cmath>

#include "tessera/core/error.h"
#include "tessera/text/unicode.h"

namespace tessera::text {
namespace {

constexpr double kUnknownPenalty = 10;

}  // namespace

Unigram::Unigram(std::span<const UnigramPiece> pieces, const Vocabulary& vocabulary, const UnigramOptions& options)
    : options_(options) {
  double lowest = 0;
  bool first = true;
  for (const UnigramPiece& piece : pieces) {
    Require(std::isfinite(piece.score) && std::abs(piece.score) < 1e30, "unigram: the score of \"{}\" is {}",
            piece.spelling.substr(0, 60), piece.score);
    if (piece.spelling.empty()) continue;
    trie_.Insert(piece.spelling, static_cast<int32_t>(scores_.size()));
    scores_.push_back({piece.score, piece.id, piece.user_defined});
    if (piece.user_defined) continue;
    lowest = first ? piece.score : std::min(lowest, piece.score);
    highest_ = first ? piece.score : std::max(highest_, piece.score);
    first = false;
  }
  unknown_score_ = Round(lowest - kUnknownPenalty);
  has_byte_pieces_ = options_.byte_fallback;
  for (size_t byte = 0; byte < 256 && has_byte_pieces_; ++byte) {
    const auto id = vocabulary.Find(fmt::format("<0x{:02X}>", byte));
    byte_pieces_[byte] = id.value_or(-1);
    has_byte_pieces_ = id.has_value();
  }
}

void Unigram::Relax(std::string_view word, std::vector<Node>& best) const {
  best.assign(word.size() + 1, {});
  const auto offer = [&](size_t from, size_t to, double score, int32_t piece) {
    const double sum = Round(best[from].score + score);
    if (best[to].size == 0 || sum > best[to].score) best[to] = {sum, static_cast<uint32_t>(to - from), piece};
  };
  for (size_t at = 0; at < word.size();) {
    const size_t unit = DecodeUtf8(word, at).size;
    bool single = false;
    int32_t node = ByteTrie::kRoot;
    for (size_t end = at + 1; end <= word.size(); ++end) {
      node = trie_.Child(node, word[end - 1]);
      if (node == ByteTrie::kNone) break;
      const int32_t piece = trie_.Value(node);
      if (piece == ByteTrie::kNone) continue;
      const Score& entry = scores_[static_cast<size_t>(piece)];
      const double length = static_cast<double>(end - at);
      offer(at, end, entry.user_defined ? length * highest_ - 0.1 : entry.score, piece);
      single = single || end - at == unit;
    }
    if (!single) offer(at, at + unit, unknown_score_, -1);
    at += unit;
  }
}

void Unigram::AppendUnknown(std::string_view part, std::vector<int32_t>& ids) const {
  if (has_byte_pieces_) {
    for (const char byte : part) ids.push_back(byte_pieces_[static_cast<unsigned char>(byte)]);
  } else if (options_.unknown) {
    ids.push_back(*options_.unknown);
  }
}

void Unigram::Encode(std::string_view word, SubwordScratch&, std::vector<int32_t>& ids) const {
  if (word.empty()) return;
  std::vector<Node> best;
  Relax(word, best);
  std::vector<std::pair<size_t, Node>> path;  // from the end to the beginning
  for (size_t at = word.size(); at > 0; at -= best[at].size) path.emplace_back(at, best[at]);
  std::reverse(path.begin(), path.end());
  for (size_t i = 0; i < path.size(); ++i) {
    const auto& [end, node] = path[i];
    if (node.piece >= 0) {
      ids.push_back(scores_[static_cast<size_t>(node.piece)].id);
      continue;
    }
    const size_t begin = end - node.size;
    while (i + 1 < path.size() && path[i + 1].second.piece < 0) ++i;
    AppendUnknown(word.substr(begin, path[i].first - begin), ids);
  }
}

}  // namespace tessera::text
