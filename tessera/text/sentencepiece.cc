#include "tessera/text/sentencepiece.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "tessera/core/error.h"
#include "tessera/text/bpe.h"
#include "tessera/text/protobuf_reader.h"
#include "tessera/text/unicode.h"
#include "tessera/text/unigram.h"

namespace tessera::text {
namespace {

using Vocab = SentencePieceVocabulary;

PieceKind KindOf(int64_t type) {  // ModelProto.SentencePiece.Type
  switch (type) {
    case 1:
      return PieceKind::kNormal;
    case 2:
      return PieceKind::kUnknown;
    case 3:
      return PieceKind::kControl;
    case 4:
      return PieceKind::kUserDefined;
    case 5:
      return PieceKind::kUnused;
    case 6:
      return PieceKind::kByte;
    default:
      Fail("the piece type {} is not known", type);
  }
}

Vocab::Piece ParsePiece(std::string_view bytes) {
  Vocab::Piece piece;
  ProtobufReader reader(bytes);
  while (const auto field = reader.Next()) {
    if (field->number == 1) piece.spelling = field->Bytes();
    if (field->number == 2) piece.score = field->Float();
    if (field->number == 3) piece.kind = KindOf(field->Integer());
  }
  return piece;
}

void ParseTrainer(std::string_view bytes, Vocab& out) {
  int64_t type = 1;
  out.unknown = 0, out.bos = 1, out.eos = 2, out.pad = -1;  // the format's defaults
  ProtobufReader reader(bytes);
  while (const auto field = reader.Next()) {
    if (field->number == 3) type = field->Integer();
    if (field->number == 24) out.space_as_suffix = field->Bool();
    if (field->number == 35) out.byte_fallback = field->Bool();
    if (field->number == 40) out.unknown = static_cast<int32_t>(field->Integer());
    if (field->number == 41) out.bos = static_cast<int32_t>(field->Integer());
    if (field->number == 42) out.eos = static_cast<int32_t>(field->Integer());
    if (field->number == 43) out.pad = static_cast<int32_t>(field->Integer());
  }
  Require(type == 1 || type == 2, "the model type {} is not supported; unigram (1) and BPE (2) are", type);
  out.unigram = type == 1;
}

void ParseNormalizer(std::string_view bytes, Vocab& out) {
  ProtobufReader reader(bytes);
  while (const auto field = reader.Next()) {
    if (field->number == 2) out.charsmap = field->Bytes();
    if (field->number == 3) out.add_dummy_prefix = field->Bool();
    if (field->number == 4) out.remove_extra_whitespaces = field->Bool();
    if (field->number == 5) Require(field->Bool(), "a model that does not write spaces as U+2581 is not supported");
  }
}

// The format strips spaces at the end once they are U+2581, so one that was written in the text goes too.
std::string DropTrailingBlocks(std::string text) {
  while (text.ends_with(kLowerBlock)) text.resize(text.size() - kLowerBlock.size());
  return text;
}

std::optional<int32_t> CheckedId(std::optional<int64_t> id, const Vocabulary& vocabulary, std::string_view what) {
  if (!id || *id < 0) return std::nullopt;
  Require(vocabulary.Has(*id), "the {} id is {} but there are {} pieces", what, *id, vocabulary.size());
  return static_cast<int32_t>(*id);
}

std::unique_ptr<SubwordModel> MakeUnigramModel(const Vocab& vocab, const TokenizerParts& parts) {
  std::vector<UnigramPiece> pieces;
  for (size_t id = 0; id < vocab.pieces.size(); ++id) {
    const auto& piece = vocab.pieces[id];
    if (piece.kind == PieceKind::kNormal || piece.kind == PieceKind::kUserDefined)
      pieces.push_back({piece.spelling, static_cast<double>(piece.score), static_cast<int32_t>(id),
                        piece.kind == PieceKind::kUserDefined});
  }
  return std::make_unique<Unigram>(
      pieces, parts.vocabulary,
      UnigramOptions{.unknown = parts.unknown, .byte_fallback = vocab.byte_fallback, .single_precision = true});
}

std::unique_ptr<SubwordModel> MakeBpeModel(const Vocab& vocab, const TokenizerParts& parts) {
  std::vector<BpePiece> pieces;
  std::vector<float> scores;
  for (size_t id = 0; id < vocab.pieces.size(); ++id) {
    const auto& piece = vocab.pieces[id];
    if (piece.kind != PieceKind::kNormal && piece.kind != PieceKind::kUserDefined) continue;
    Require(std::isfinite(piece.score), "the score of \"{}\" is {}", piece.spelling.substr(0, 60), piece.score);
    pieces.push_back({piece.spelling, static_cast<int32_t>(id), piece.kind == PieceKind::kUserDefined});
    scores.push_back(piece.score);
  }
  // Equal scores are one rank, since the leftmost of them merges first.
  std::vector<float> order = scores;
  std::sort(order.begin(), order.end(), std::greater<>());
  order.erase(std::unique(order.begin(), order.end()), order.end());
  std::vector<uint32_t> ranks;
  for (const float score : scores)
    ranks.push_back(
        static_cast<uint32_t>(std::lower_bound(order.begin(), order.end(), score, std::greater<>()) - order.begin()));
  return Bpe::FromRanks(pieces, ranks, parts.vocabulary,
                        {.byte_fallback = vocab.byte_fallback, .fuse_unknown = true, .unknown = parts.unknown});
}

}  // namespace

SentencePieceVocabulary ParseSentencePieceModel(std::string_view bytes) {
  Vocab out;
  ParseTrainer({}, out);
  ProtobufReader reader(bytes);
  while (const auto field = reader.Next()) {
    if (field->number == 1) out.pieces.push_back(ParsePiece(field->Bytes()));
    if (field->number == 2) ParseTrainer(field->Bytes(), out);
    if (field->number == 3) ParseNormalizer(field->Bytes(), out);
    Require(out.pieces.size() <= static_cast<size_t>(kMaxVocabulary), "more than {} pieces", kMaxVocabulary);
  }
  Require(!out.pieces.empty(), "there are no pieces. Is this a SentencePiece model?");
  return out;
}

TokenizerParts MakeSentencePiece(const SentencePieceVocabulary& vocab) {
  TokenizerParts parts;
  for (size_t id = 0; id < vocab.pieces.size(); ++id) {
    const auto& piece = vocab.pieces[id];
    if (piece.spelling.empty()) continue;
    parts.vocabulary.Add(static_cast<int64_t>(id), piece.spelling, piece.kind);
    if (piece.kind == PieceKind::kControl || piece.kind == PieceKind::kUnknown)
      parts.added.Add({.id = static_cast<int32_t>(id), .content = piece.spelling});
  }
  parts.bos = CheckedId(vocab.bos, parts.vocabulary, "BOS");
  parts.eos = CheckedId(vocab.eos, parts.vocabulary, "EOS");
  parts.pad = CheckedId(vocab.pad, parts.vocabulary, "padding");
  parts.unknown = CheckedId(vocab.unknown, parts.vocabulary, "unknown");
  if (!vocab.charsmap.empty()) parts.normalizer.Add(PrecompiledStep(vocab.charsmap));
  if (vocab.remove_extra_whitespaces) parts.normalizer.Add(CollapseSpacesStep());
  const std::string block(kLowerBlock);
  if (vocab.add_dummy_prefix && !vocab.space_as_suffix) parts.normalizer.Add(PrependStep(block));
  parts.normalizer.Add(ReplaceStep(" ", block));
  if (vocab.remove_extra_whitespaces) parts.normalizer.Add(DropTrailingBlocks);
  if (vocab.add_dummy_prefix && vocab.space_as_suffix)
    parts.normalizer.Add([block](std::string text) { return text.empty() ? text : text + block; });
  parts.decoder = PieceDecoder::SentencePiece({.drop_first_space = vocab.add_dummy_prefix && !vocab.space_as_suffix});
  parts.model = vocab.unigram ? MakeUnigramModel(vocab, parts) : MakeBpeModel(vocab, parts);
  return parts;
}

}  // namespace tessera::text
