#include "tessera/text/tokenizer_json.h"

#include <string>
#include <utility>

#include "tessera/core/checked.h"
#include "tessera/core/error.h"
#include "tessera/text/bpe.h"
#include "tessera/text/byte_alphabet.h"
#include "tessera/text/sorted_json.h"
#include "tessera/text/unigram.h"

namespace tessera::text {
namespace {

void RequireAbsent(const SortedJson& model, std::string_view key) {
  const SortedJson& value = Member(model, key);
  const bool absent = value.is_null() || (value.is_string() && value.get<std::string>().empty()) ||
                      (value.is_number() && value.get<double>() == 0);
  Require(absent, "model: \"{}\" is not supported", key);
}

std::unique_ptr<SubwordModel> MakeBpe(const VocabularyJson& json, TokenizerParts& parts) {
  const SortedJson& model = Member(json.rest, "model");
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix", "dropout"}) RequireAbsent(model, key);
  Require(json.scores.empty(), "model: the vocabulary of a BPE model has scores");
  BpeOptions options{.byte_units = parts.pre_tokenizer.byte_level(),
                     .whole_words = BoolOr(model, "ignore_merges", false),
                     .byte_fallback = BoolOr(model, "byte_fallback", false),
                     .fuse_unknown = BoolOr(model, "fuse_unk", false),
                     .unknown = std::nullopt};
  for (const auto& [piece, id] : json.vocab) parts.vocabulary.Add(id, piece);
  if (const std::string unknown = StringOr(model, "unk_token", ""); !unknown.empty()) {
    options.unknown = parts.vocabulary.Find(unknown);
    parts.unknown = options.unknown;
  }
  std::vector<BpePiece> pieces;
  pieces.reserve(json.vocab.size());
  for (const auto& [piece, id] : json.vocab) {
    if (!options.byte_units) {
      pieces.push_back({piece, static_cast<int32_t>(id)});
    } else if (auto bytes = BytesOfPiece(piece)) {
      pieces.push_back({std::move(*bytes), static_cast<int32_t>(id)});
    }
  }
  std::vector<BpeMerge> merges;
  merges.reserve(json.merges.size());
  for (const auto& [left, right] : json.merges) merges.push_back({left, right});
  return Bpe::FromMerges(pieces, merges, parts.vocabulary, options);
}

std::unique_ptr<SubwordModel> MakeUnigram(const VocabularyJson& json, TokenizerParts& parts) {
  const SortedJson& model = Member(json.rest, "model");
  Require(json.vocab.empty() && json.merges.empty(), "model: a Unigram model has merges or ids");
  Require(!parts.pre_tokenizer.byte_level(), "model: Unigram after ByteLevel is not supported");
  std::vector<UnigramPiece> pieces;
  pieces.reserve(json.scores.size());
  for (const auto& [piece, score] : json.scores) {
    const auto id = static_cast<int64_t>(pieces.size());
    parts.vocabulary.Add(id, piece);
    pieces.push_back({piece, score, static_cast<int32_t>(id), false});
  }
  UnigramOptions options{.unknown = std::nullopt, .byte_fallback = BoolOr(model, "byte_fallback", false)};
  const int64_t unknown = IntOr(model, "unk_id", -1);
  if (unknown >= 0) {
    Require(parts.vocabulary.Has(unknown), "model: unk_id is {} but there are {} pieces", unknown, pieces.size());
    options.unknown = parts.unknown = static_cast<int32_t>(unknown);
  }
  return std::make_unique<Unigram>(pieces, parts.vocabulary, options);
}

void AddTokens(const SortedJson& json, TokenizerParts& parts) {
  for (const auto& entry : ArrayMember(json, "added_tokens")) {
    AddedToken token{.id = 0,
                     .content = StringOr(entry, "content", ""),
                     .special = BoolOr(entry, "special", false),
                     .single_word = BoolOr(entry, "single_word", false),
                     .lstrip = BoolOr(entry, "lstrip", false),
                     .rstrip = BoolOr(entry, "rstrip", false),
                     .normalized = BoolOr(entry, "normalized", true)};
    const auto known = parts.vocabulary.Find(token.content);
    const int64_t id = known ? *known : IntOr(entry, "id", -1);
    parts.vocabulary.Add(id, token.content, token.special ? PieceKind::kControl : PieceKind::kUserDefined);
    token.id = static_cast<int32_t>(id);
    parts.added.Add(std::move(token));
  }
}

int32_t IdOf(const TokenizerParts& parts, const std::string& piece) {
  const auto id = parts.vocabulary.Find(piece);
  Require(id.has_value(), "post_processor: \"{}\" is not in the vocabulary", piece.substr(0, 60));
  return *id;
}

// [$A, </s>]: what stands in front of the sequence and behind it.
void AddTemplate(const SortedJson& json, TokenizerParts& parts) {
  bool behind = false;
  for (const auto& item : ArrayMember(json, "single")) {
    if (item.contains("Sequence")) {
      behind = true;
      continue;
    }
    const std::string name = StringOr(Member(item, "SpecialToken"), "id", "");
    auto& target = behind ? parts.suffix_ids : parts.prefix_ids;
    const SortedJson& ids = ArrayMember(Member(Member(json, "special_tokens"), name), "ids");
    if (ids.empty()) target.push_back(IdOf(parts, name));
    for (const auto& id : ids) {
      Require(id.is_number_integer() && parts.vocabulary.Has(id.get<int64_t>()),
              "post_processor: the ids of \"{}\" are not in the vocabulary", name.substr(0, 60));
      target.push_back(id.get<int32_t>());
    }
  }
}

void AddPostProcessor(const SortedJson& json, TokenizerParts& parts, int depth) {
  if (json.is_null()) return;
  Require(depth < 16, "post_processor: nested too deeply");
  const std::string type = StringOr(json, "type", "");
  if (type == "Sequence") {
    for (const auto& step : ArrayMember(json, "processors")) AddPostProcessor(step, parts, depth + 1);
  } else if (type == "TemplateProcessing") {
    AddTemplate(json, parts);
  } else if (type == "BertProcessing" || type == "RobertaProcessing") {
    for (const auto& [key, target] : {std::pair("cls", &parts.prefix_ids), std::pair("sep", &parts.suffix_ids)}) {
      const SortedJson& pair = ArrayMember(json, key);
      Require(pair.size() == 2 && pair[0].is_string(), "post_processor: \"{}\" is not a token with its id", key);
      target->push_back(IdOf(parts, pair[0].get<std::string>()));
    }
  } else {
    Require(type == "ByteLevel", "post_processor: the type \"{}\" is not known", type);
  }
}

}  // namespace

TokenizerParts ParseTokenizerJson(std::string_view text, std::string_view where) {
  const VocabularyJson json = ParseVocabularyJson(text, where);
  return WithContext(where, [&] {
    TokenizerParts parts;
    const SortedJson& model = Member(json.rest, "model");
    Require(model.is_object(), "there is no \"model\". Is this a tokenizer.json?");
    parts.normalizer = Normalizer::FromJson(Member(json.rest, "normalizer"));
    parts.pre_tokenizer = PreTokenizer::FromJson(Member(json.rest, "pre_tokenizer"));
    parts.decoder = PieceDecoder::FromJson(Member(json.rest, "decoder"));
    const std::string type = StringOr(model, "type", json.scores.empty() ? "BPE" : "Unigram");
    Require(type == "BPE" || type == "Unigram", "model: the type \"{}\" is not known", type);
    parts.model = type == "BPE" ? MakeBpe(json, parts) : MakeUnigram(json, parts);
    AddTokens(json.rest, parts);
    AddPostProcessor(Member(json.rest, "post_processor"), parts, 0);
    return parts;
  });
}

}  // namespace tessera::text
