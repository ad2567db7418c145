#include "tessera/text/export_vocabulary.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "tessera/core/error.h"
#include "tessera/core/mapped_file.h"
#include "tessera/text/export_tiktoken.h"
#include "tessera/text/gguf_pre_tokenizer.h"
#include "tessera/text/sentencepiece.h"
#include "tessera/text/side_files.h"
#include "tessera/text/sorted_json.h"
#include "tessera/text/tokenizer.h"

namespace tessera::text {

namespace fs = std::filesystem;

namespace {

constexpr int64_t kMaxFile = int64_t{512} << 20, kMaxTemplate = int64_t{1} << 20;
// Numbers of tokenizer.ggml.token_type.
constexpr int64_t kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6;

// The stages of a "pre_tokenizer", a Sequence or a single one.
std::vector<SortedJson> StagesOf(const SortedJson& pre_tokenizer) {
  if (pre_tokenizer.is_null()) return {};
  if (StringOr(pre_tokenizer, "type", "") != "Sequence") return {pre_tokenizer};
  const SortedJson& stages = ArrayMember(pre_tokenizer, "pretokenizers");
  return {stages.begin(), stages.end()};
}

bool IsByteLevel(const SortedJson& rest) {
  const auto stages = StagesOf(Member(rest, "pre_tokenizer"));
  return std::ranges::any_of(stages, [](const auto& stage) { return StringOr(stage, "type", "") == "ByteLevel"; });
}

// What a pre-tokenizer does, as the names of GGUF files stand for it.
struct Splits {
  std::vector<std::string> patterns;
  bool nfc = false, whole_words = false;
};

Splits SplitsOf(const SortedJson& rest) {
  Splits splits;
  for (const SortedJson& stage : StagesOf(Member(rest, "pre_tokenizer"))) {
    const std::string type = StringOr(stage, "type", "");
    if (type == "Digits" && BoolOr(stage, "individual_digits", false)) {
      splits.patterns.emplace_back(R"(\p{N})");
    } else if (type == "Punctuation" && StringOr(stage, "behavior", "Isolated") == "Isolated") {
      splits.patterns.emplace_back(FindGgufPreTokenizer("chameleon").patterns.at(4));
    } else if (type == "Split" && StringOr(stage, "behavior", "") == "Isolated") {
      splits.patterns.push_back(StringOr(Member(stage, "pattern"), "Regex", ""));
    } else if (type == "ByteLevel") {
      if (BoolOr(stage, "use_regex", true))
        splits.patterns.emplace_back(FindGgufPreTokenizer("gpt-2").patterns.front());
    } else {
      splits.patterns.push_back("a stage of type " + type);  // equals no pattern
    }
  }
  const SortedJson& normalizer = Member(rest, "normalizer");
  splits.nfc = !normalizer.is_null() && StringOr(normalizer, "type", "") == "NFC";
  splits.whole_words = BoolOr(Member(rest, "model"), "ignore_merges", false);
  return splits;
}

// The name under which GGUF files know this pre-tokenizer. Among those with its patterns, one that agrees in
// everything is best; normal form and whole words change few texts.
std::string PreTokenizerName(const SortedJson& rest) {
  const Splits splits = SplitsOf(rest);
  std::string best;
  int best_agreement = -1;
  for (const char* name : {"gpt-2", "smollm", "qwen2", "llama-bpe", "dbrx", "gpt-4o", "tekken", "deepseek-llm",
                           "deepseek-coder", "deepseek-v3", "falcon", "chameleon"}) {
    const GgufPreTokenizer& known = FindGgufPreTokenizer(name);
    if (!std::ranges::equal(known.patterns, splits.patterns)) continue;
    const int agreement = (known.nfc == splits.nfc) + (known.whole_words == splits.whole_words);
    if (agreement > best_agreement) best = name;
    best_agreement = std::max(best_agreement, agreement);
  }
  Require(!best.empty(), "GGUF has no name for this pre-tokenizer: {}",
          Member(rest, "pre_tokenizer").dump().substr(0, 200));
  return best;
}

// A "▁" in front of the text: by the normaliser, or by a Metaspace stage.
bool AddsSpacePrefix(const SortedJson& rest) {
  const SortedJson& normalizer = Member(rest, "normalizer");
  const bool prepends = !normalizer.is_null() && normalizer.dump().find("\"Prepend\"") != std::string::npos;
  const auto stages = StagesOf(Member(rest, "pre_tokenizer"));
  return prepends || std::ranges::any_of(stages, [](const SortedJson& stage) {
           return StringOr(stage, "type", "") == "Metaspace" && StringOr(stage, "prepend_scheme", "always") != "never";
         });
}

// Minus the rank of the first merge that makes each piece.
std::vector<float> ScoresOfMerges(const VocabularyJson& json, const std::vector<std::string>& tokens) {
  std::unordered_map<std::string, float> scores;
  for (size_t rank = 0; rank < json.merges.size(); ++rank)
    scores.try_emplace(json.merges[rank].first + json.merges[rank].second, -static_cast<float>(rank));
  std::vector<float> result;
  for (const std::string& token : tokens) {
    const auto found = scores.find(token);
    result.push_back(found == scores.end() ? -static_cast<float>(json.merges.size()) : found->second);
  }
  return result;
}

int64_t TypeOf(const Tokenizer& tokenizer, int32_t id, bool in_model, bool sentencepiece) {
  const std::string_view piece = tokenizer.IdToPiece(id);
  if (sentencepiece && tokenizer.unknown() == id) return kUnknown;
  if (sentencepiece && ByteOfPiece(piece)) return kByte;
  if (tokenizer.IsSpecial(id)) return kControl;
  return in_model ? kNormal : kUserDefined;
}

GgufVocabulary FromTokenizerJson(const fs::path& path, const Tokenizer& tokenizer) {
  const VocabularyJson json = ParseVocabularyJson(ReadFile(path, kMaxFile), path.string());
  const std::string model = StringOr(Member(json.rest, "model"), "type", "BPE");
  Require(model == "BPE", "GGUF export knows no tokenizer.json of type \"{}\"; BPE it does", model);
  GgufVocabulary out;
  const bool byte_level = IsByteLevel(json.rest);
  out.model = byte_level ? "gpt2" : "llama";
  out.pre = byte_level ? PreTokenizerName(json.rest) : "default";
  out.add_space_prefix = !byte_level && AddsSpacePrefix(json.rest);
  std::unordered_set<int64_t> in_model;
  for (const auto& [piece, id] : json.vocab) in_model.insert(id);
  for (const SortedJson& added : ArrayMember(json.rest, "added_tokens")) in_model.erase(IntOr(added, "id", -1));
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    const bool there = tokenizer.Has(id);
    out.tokens.push_back(there ? std::string(tokenizer.IdToPiece(id)) : fmt::format("[PAD{}]", id));
    out.types.push_back(there ? TypeOf(tokenizer, id, in_model.contains(id), !byte_level) : kUnused);
  }
  if (byte_level) {
    for (const auto& [left, right] : json.merges) out.merges.push_back(left + " " + right);
  } else {
    out.scores = ScoresOfMerges(json, out.tokens);
  }
  return out;
}

int64_t TypeOfKind(PieceKind kind) {
  switch (kind) {
    case PieceKind::kUnknown:
      return kUnknown;
    case PieceKind::kControl:
      return kControl;
    case PieceKind::kUserDefined:
      return kUserDefined;
    case PieceKind::kUnused:
    case PieceKind::kAbsent:
      return kUnused;
    case PieceKind::kByte:
      return kByte;
    case PieceKind::kNormal:
      break;
  }
  return kNormal;
}

GgufVocabulary FromSentencePiece(const fs::path& path, const Tokenizer& tokenizer) {
  const SentencePieceVocabulary pieces =
      WithContext(path.string(), [&] { return ParseSentencePieceModel(ReadFile(path, kMaxFile)); });
  GgufVocabulary out;
  out.model = pieces.unigram ? "t5" : "llama";
  out.pre = "default";
  out.charsmap = pieces.charsmap;
  out.add_space_prefix = pieces.add_dummy_prefix;
  out.remove_extra_whitespaces = pieces.remove_extra_whitespaces;
  for (const auto& piece : pieces.pieces) {
    out.tokens.push_back(piece.spelling);
    out.types.push_back(TypeOfKind(piece.kind));
    out.scores.push_back(piece.score);
  }
  for (int32_t id = static_cast<int32_t>(out.tokens.size()); id < tokenizer.vocab_size(); ++id) {  // added beside it
    const bool there = tokenizer.Has(id);
    out.tokens.push_back(there ? std::string(tokenizer.IdToPiece(id)) : fmt::format("[PAD{}]", id));
    out.types.push_back(there ? TypeOf(tokenizer, id, false, true) : kUnused);
    out.scores.push_back(-1000);
  }
  return out;
}

bool Contains(const std::vector<int32_t>& ids, std::optional<int32_t> id) {
  return id && std::ranges::find(ids, *id) != ids.end();
}

}  // namespace

bool HasVocabulary(const fs::path& directory) {
  return fs::exists(directory / "tokenizer.json") || fs::exists(directory / "tokenizer.model") ||
         fs::exists(directory / "tiktoken.model");
}

GgufVocabulary ExportVocabulary(const fs::path& directory) {
  const auto tokenizer = Tokenizer::Load(directory);
  const fs::path json = directory / "tokenizer.json", model = directory / "tokenizer.model",
                 ranks = directory / "tiktoken.model";
  const fs::path& file = fs::exists(json) ? json : fs::exists(model) ? model : ranks;
  GgufVocabulary out = WithContext(file.string(), [&] {
    if (file == json) return FromTokenizerJson(json, *tokenizer);
    if (file == model) return FromSentencePiece(model, *tokenizer);
    return ExportTiktoken(*tokenizer, ReadSideFiles(directory).tokenizer_config);
  });
  // The scores of tokenizer.model are the original; tokenizer.json was made from it.
  if (out.model == "llama" && fs::exists(json) && fs::exists(model)) out = FromSentencePiece(model, *tokenizer);
  out.bos = tokenizer->bos();
  out.eos = tokenizer->eos();
  out.pad = tokenizer->pad();
  out.unknown = tokenizer->unknown();
  out.add_bos = Contains(tokenizer->prefix_ids(), tokenizer->bos());
  out.add_eos = Contains(tokenizer->suffix_ids(), tokenizer->eos());
  for (const int32_t id : tokenizer->stop_ids())
    if (tokenizer->eos() != id) out.stop_ids.push_back(id);
  return out;
}

std::string ChatTemplateOf(const fs::path& directory) {
  if (const fs::path path = directory / "chat_template.jinja"; fs::exists(path)) return ReadFile(path, kMaxTemplate);
  SortedJson found;
  if (const fs::path path = directory / "chat_template.json"; fs::exists(path))
    found = Member(ParseSortedJson(ReadFile(path, kMaxTemplate), path.string()), "chat_template");
  if (found.is_null()) found = Member(ReadSideFiles(directory).tokenizer_config, "chat_template");
  if (found.is_string()) return found.get<std::string>();
  if (!found.is_array()) return {};
  for (const SortedJson& entry : found)
    if (StringOr(entry, "name", "") == "default") return StringOr(entry, "template", "");
  return {};
}

void WriteGgufVocabulary(GgufVocabulary vocabulary, int64_t rows, weights::GgufWriter& writer) {
  Require(static_cast<int64_t>(vocabulary.tokens.size()) <= rows,
          "the vocabulary has {} pieces but the embedding {} rows. Does the tokenizer belong to this model?",
          vocabulary.tokens.size(), rows);
  for (int64_t id = std::ssize(vocabulary.tokens); id < rows; ++id) {
    vocabulary.tokens.push_back(fmt::format("[PAD{}]", id));
    vocabulary.types.push_back(kUnused);
    if (!vocabulary.scores.empty()) vocabulary.scores.push_back(-1000);
  }
  const std::string prefix = "tokenizer.ggml.";
  writer.Set(prefix + "model", vocabulary.model);
  writer.Set(prefix + "pre", vocabulary.pre);
  writer.Set(prefix + "tokens", vocabulary.tokens);
  writer.Set(prefix + "token_type", std::vector<int32_t>(vocabulary.types.begin(), vocabulary.types.end()));
  if (!vocabulary.scores.empty()) writer.Set(prefix + "scores", vocabulary.scores);
  if (!vocabulary.merges.empty()) writer.Set(prefix + "merges", vocabulary.merges);
  if (!vocabulary.charsmap.empty())
    writer.Set(prefix + "precompiled_charsmap",
               std::vector<uint8_t>(vocabulary.charsmap.begin(), vocabulary.charsmap.end()));
  const auto id = [&](const char* key, std::optional<int64_t> value) {
    if (value) writer.Set(prefix + key, static_cast<uint32_t>(*value));
  };
  id("bos_token_id", vocabulary.bos);
  id("eos_token_id", vocabulary.eos);
  id("padding_token_id", vocabulary.pad);
  id("unknown_token_id", vocabulary.unknown);
  if (!vocabulary.stop_ids.empty()) id("eot_token_id", vocabulary.stop_ids[0]);
  if (vocabulary.stop_ids.size() > 1) id("eom_token_id", vocabulary.stop_ids[1]);
  const auto truth = [&](const char* key, std::optional<bool> value) {
    if (value) writer.Set(prefix + key, *value);
  };
  truth("add_bos_token", vocabulary.add_bos);
  truth("add_eos_token", vocabulary.add_eos);
  truth("add_space_prefix", vocabulary.add_space_prefix);
  truth("remove_extra_whitespaces", vocabulary.remove_extra_whitespaces);
}

}  // namespace tessera::text
