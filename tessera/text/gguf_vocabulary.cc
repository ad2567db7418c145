#include "tessera/text/gguf_vocabulary.h"

#include <utility>

#include "tessera/core/error.h"
#include "tessera/text/bpe.h"
#include "tessera/text/byte_alphabet.h"
#include "tessera/text/gguf_pre_tokenizer.h"
#include "tessera/text/sentencepiece.h"
#include "tessera/text/unicode.h"

namespace tessera::text {
namespace {

PieceKind KindOf(int64_t type) {
  switch (type) {
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
      return PieceKind::kNormal;
  }
}

PieceKind KindAt(const GgufVocabularyView& vocab, size_t id) {
  return vocab.types.empty() ? PieceKind::kNormal : KindOf(vocab.types[id]);
}

TokenizerParts MakeByteLevel(const GgufVocabularyView& vocab) {
  const GgufPreTokenizer& pre = FindGgufPreTokenizer(vocab.pre);
  TokenizerParts parts;
  std::vector<BpePiece> pieces;
  size_t spellings = 0;
  for (const std::string_view token : vocab.tokens) spellings += token.size();
  parts.vocabulary.Reserve(vocab.tokens.size(), spellings);
  constexpr size_t kLongestUnit = 2;  // a byte is a character of one or two bytes in the alphabet
  for (size_t id = 0; id < vocab.tokens.size(); ++id) {
    const std::string_view token = vocab.tokens[id];
    const PieceKind kind = KindAt(vocab, id);
    if (token.empty()) continue;
    parts.vocabulary.Add(static_cast<int64_t>(id), token, kind);
    const bool special = kind == PieceKind::kControl || kind == PieceKind::kUnknown;
    if (special || kind == PieceKind::kUserDefined)
      parts.added.Add({.id = static_cast<int32_t>(id), .content = std::string(token), .special = special});
    if (kind == PieceKind::kUnused || (token.size() > kLongestUnit && !pre.whole_words)) continue;
    if (auto bytes = BytesOfPiece(token)) pieces.push_back({std::move(*bytes), static_cast<int32_t>(id)});
  }
  std::vector<BpeMerge> merges;
  merges.reserve(vocab.merges.size());
  for (const std::string_view merge : vocab.merges) {
    const size_t space = merge.find(' ', 1);
    Require(space != merge.npos && space + 1 < merge.size(), "tokenizer.ggml.merges: \"{}\" is not two pieces",
            merge.substr(0, 60));
    merges.push_back({merge.substr(0, space), merge.substr(space + 1)});
  }
  if (pre.nfc) parts.normalizer.Add([](std::string text) { return Normalize(text, NormalForm::kNfc); });
  for (const std::string_view pattern : pre.patterns) parts.pre_tokenizer.AddSplit(pattern);
  parts.pre_tokenizer.SetByteLevel();
  parts.decoder = PieceDecoder::ByteLevel();
  parts.model = Bpe::FromMerges(pieces, merges, parts.vocabulary, {.byte_units = true, .whole_words = pre.whole_words});
  return parts;
}

TokenizerParts MakeFromSentencePiece(const GgufVocabularyView& vocab) {
  SentencePieceVocabulary pieces;
  pieces.unigram = vocab.model == "t5";
  pieces.add_dummy_prefix = vocab.add_space_prefix.value_or(true);
  pieces.remove_extra_whitespaces = vocab.remove_extra_whitespaces.value_or(pieces.unigram);
  pieces.charsmap = vocab.charsmap;
  Require(vocab.scores.size() == vocab.tokens.size(), "tokenizer.ggml.scores: {} scores for {} tokens",
          vocab.scores.size(), vocab.tokens.size());
  for (size_t id = 0; id < vocab.tokens.size(); ++id) {
    const PieceKind kind = KindAt(vocab, id);
    pieces.byte_fallback = pieces.byte_fallback || kind == PieceKind::kByte;
    pieces.pieces.push_back({std::string(vocab.tokens[id]), vocab.scores[id], kind});
  }
  pieces.bos = vocab.bos, pieces.eos = vocab.eos, pieces.pad = vocab.pad, pieces.unknown = vocab.unknown;
  return MakeSentencePiece(pieces);
}

}  // namespace

TokenizerParts MakeGgufTokenizer(const GgufVocabularyView& vocab) {
  Require(vocab.types.empty() || vocab.types.size() == vocab.tokens.size(),
          "tokenizer.ggml.token_type: {} types for {} tokens", vocab.types.size(), vocab.tokens.size());
  const bool byte_level = vocab.model == "gpt2";
  Require(byte_level || vocab.model == "llama" || vocab.model == "t5",
          "tokenizer.ggml.model: \"{}\" is not known; gpt2, llama and t5 are", vocab.model);
  TokenizerParts parts = byte_level ? MakeByteLevel(vocab) : MakeFromSentencePiece(vocab);
  const auto checked = [&](std::optional<int64_t> id, std::string_view key) -> std::optional<int32_t> {
    if (!id) return std::nullopt;
    Require(parts.vocabulary.Has(*id), "tokenizer.ggml.{}: {} is not one of the {} tokens", key, *id,
            vocab.tokens.size());
    return static_cast<int32_t>(*id);
  };
  parts.bos = checked(vocab.bos, "bos_token_id");
  parts.eos = checked(vocab.eos, "eos_token_id");
  parts.pad = checked(vocab.pad, "padding_token_id");
  parts.unknown = checked(vocab.unknown, "unknown_token_id");
  if (parts.eos) parts.stop_ids.push_back(*parts.eos);
  for (const int64_t id : vocab.stop_ids) parts.stop_ids.push_back(*checked(id, "eot_token_id"));
  const bool default_bos = vocab.model == "llama" || (byte_level && FindGgufPreTokenizer(vocab.pre).add_bos);
  if (vocab.add_bos.value_or(default_bos) && parts.bos) parts.prefix_ids.push_back(*parts.bos);
  if (vocab.add_eos.value_or(vocab.model == "t5") && parts.eos) parts.suffix_ids.push_back(*parts.eos);
  return parts;
}

GgufVocabularyView ReadGgufVocabulary(const weights::GgufFile& file) {
  GgufVocabularyView out;
  const auto find = [&](std::string_view name, auto&& take) {
    const std::string key = "tokenizer.ggml." + std::string(name);
    if (const auto* value = file.Find(key)) take(*value, key);
  };
  const auto text = [&](std::string_view name, std::string& target) {
    find(name, [&](const auto& value, const auto& key) { target = value.String(key); });
  };
  const auto integer = [&](std::string_view name, std::optional<int64_t>& target) {
    find(name, [&](const auto& value, const auto& key) { target = value.Integer(key); });
  };
  const auto truth = [&](std::string_view name, std::optional<bool>& target) {
    find(name, [&](const auto& value, const auto& key) { target = value.Bool(key); });
  };
  const auto list = [&](std::string_view name, auto& target, auto&& element) {
    find(name, [&](const auto& value, const auto& key) {
      const auto& array = value.Array(key);
      Require(array.size() <= size_t{1} << 24, "{}: {} elements are too many", key, array.size());
      target.reserve(array.size());
      for (size_t i = 0; i < array.size(); ++i) target.push_back(element(array, i, key));
    });
  };
  const auto string_at = [](const auto& array, size_t i, const auto& key) { return array.String(i, key); };
  text("model", out.model);
  text("pre", out.pre);
  Require(!out.model.empty(), "there is no tokenizer.ggml.model: the file has no vocabulary");
  list("tokens", out.tokens, string_at);
  Require(!out.tokens.empty(), "there is no tokenizer.ggml.tokens: the file has no vocabulary");
  list("merges", out.merges, string_at);
  list("token_type", out.types, [](const auto& array, size_t i, const auto& key) { return array.Integer(i, key); });
  list("scores", out.scores,
       [](const auto& array, size_t i, const auto& key) { return static_cast<float>(array.Number(i, key)); });
  list("precompiled_charsmap", out.charsmap,
       [](const auto& array, size_t i, const auto& key) { return static_cast<char>(array.Integer(i, key)); });
  integer("bos_token_id", out.bos);
  integer("eos_token_id", out.eos);
  integer("padding_token_id", out.pad);
  integer("unknown_token_id", out.unknown);
  for (const char* name : {"eot_token_id", "eom_token_id"}) {
    std::optional<int64_t> id;
    integer(name, id);
    if (id) out.stop_ids.push_back(*id);
  }
  truth("add_bos_token", out.add_bos);
  truth("add_eos_token", out.add_eos);
  truth("add_space_prefix", out.add_space_prefix);
  truth("remove_extra_whitespaces", out.remove_extra_whitespaces);
  return out;
}

}  // namespace tessera::text
