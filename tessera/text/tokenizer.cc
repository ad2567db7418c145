#include "tessera/text/tokenizer.h"

#include <algorithm>
#include <numeric>

#include "tessera/core/error.h"
#include "tessera/text/chunks.h"
#include "tessera/text/stream_decoder.h"
#include "tessera/text/tokenizer_parts.h"
#include "tessera/text/unicode.h"
#include "tessera/text/word_cache.h"

namespace tessera::text {

struct Tokenizer::State {
  TokenizerParts parts;
  std::string bytes;               // what each token stands for, end to end
  std::vector<uint32_t> bytes_at;  // [vocabulary + 1] where each begins in `bytes`
  std::vector<bool> special;
};

namespace {

constexpr size_t kCacheFrom = 256;  // below, a text has too few words to repeat one

// One call of Encode: its options, what it has written, and its working memory.
class Encoding {
 public:
  Encoding(const TokenizerParts& parts, const EncodeOptions& options, size_t text_size)
      : parts_(parts), skip_special_(options.special == SpecialTokens::kPlain), use_cache_(text_size >= kCacheFrom) {
    ids_.reserve(text_size / 4 + 8);
  }

  void Chunk(std::string_view chunk) {
    for (const auto& part : parts_.added.Split(chunk, AddedTokens::Which::kRaw, skip_special_)) {
      if (part.id >= 0)
        ids_.push_back(part.id);
      else
        Plain(chunk.substr(part.begin, part.end - part.begin));
      at_start_ = false;
    }
  }

  std::vector<int32_t> Take() { return std::move(ids_); }

 private:
  void Plain(std::string_view text) {
    std::string normalized;
    if (!parts_.normalizer.empty()) {
      normalized = parts_.normalizer.Apply(std::string(text));
      text = normalized;
    }
    if (!parts_.added.has_normalized()) return Segment(text);
    for (const auto& part : parts_.added.Split(text, AddedTokens::Which::kNormalized, skip_special_)) {
      if (part.id >= 0)
        ids_.push_back(part.id);
      else
        Segment(text.substr(part.begin, part.end - part.begin));
      at_start_ = false;
    }
  }

  void Segment(std::string_view text) {
    if (text.empty()) return;
    if (parts_.pre_tokenizer.empty()) return WholeSegment(text);
    Words words{.text = text, .spans = {{0, text.size()}}, .at_start = at_start_, .owned = {}};
    parts_.pre_tokenizer.Apply(words);
    for (size_t i = 0; i < words.spans.size(); ++i) Word(words[i]);
  }

  // Without a pre-tokenizer the segment is one word; it may be cut where the model says that nothing changes.
  void WholeSegment(std::string_view text) {
    size_t begin = 0;
    if (parts_.model->BreaksBeforeLowerBlock()) {
      for (size_t at = text.find(kLowerBlock, 1); at != text.npos; at = text.find(kLowerBlock, at + 1)) {
        if (at >= 3 && text.substr(at - 3, 3) == kLowerBlock) continue;
        Word(text.substr(begin, at - begin));
        begin = at;
      }
    }
    Word(text.substr(begin));
  }

  void Word(std::string_view word) {
    if (!use_cache_ || word.size() > WordCache::kMaxWord) return parts_.model->Encode(word, scratch_, ids_);
    if (const auto known = cache_.Find(word); known.found) {
      ids_.insert(ids_.end(), known.ids.begin(), known.ids.end());
      return;
    }
    const size_t before = ids_.size();
    parts_.model->Encode(word, scratch_, ids_);
    cache_.Insert(word, std::span(ids_).subspan(before));
  }

  const TokenizerParts& parts_;
  bool skip_special_, use_cache_;
  bool at_start_ = true;
  SubwordScratch scratch_;
  WordCache cache_;
  std::vector<int32_t> ids_;
};

}  // namespace

Tokenizer::Tokenizer(TokenizerParts parts) {
  auto state = std::make_unique<State>();
  state->parts = std::move(parts);
  TokenizerParts& held = state->parts;
  Require(held.model != nullptr, "tokenizer: there is no model");
  const auto size = static_cast<size_t>(held.vocabulary.size());
  state->special.resize(size);
  state->bytes_at.reserve(size + 1);
  state->bytes.reserve(held.vocabulary.bytes());
  for (int32_t id = 0; id < held.vocabulary.size(); ++id) {
    state->bytes_at.push_back(static_cast<uint32_t>(state->bytes.size()));
    if (held.vocabulary.Has(id)) held.decoder.AppendDecoded(held.vocabulary.piece(id), state->bytes);
    Require(state->bytes.size() <= UINT32_MAX, "tokenizer: the tokens stand for more than {} bytes", UINT32_MAX);
    const PieceKind kind = held.vocabulary.kind(id);
    state->special[static_cast<size_t>(id)] = kind == PieceKind::kControl || kind == PieceKind::kUnknown;
  }
  state->bytes_at.push_back(static_cast<uint32_t>(state->bytes.size()));
  for (const AddedToken& token : held.added.all()) {
    Require(held.vocabulary.Has(token.id), "tokenizer: the added token \"{}\" has the id {}, which is not there",
            token.content, token.id);
    state->special[static_cast<size_t>(token.id)] = token.special;
  }
  held.added.Build([&](const std::string& content) { return held.normalizer.Apply(content); });
  std::sort(held.stop_ids.begin(), held.stop_ids.end());
  held.stop_ids.erase(std::unique(held.stop_ids.begin(), held.stop_ids.end()), held.stop_ids.end());
  state_ = std::move(state);
}

Tokenizer::~Tokenizer() = default;

std::vector<int32_t> Tokenizer::Encode(std::string_view text, const EncodeOptions& options) const {
  std::string repaired;
  if (!IsValidUtf8(text)) {
    repaired = RepairUtf8(text);
    text = repaired;
  }
  Encoding encoding(state_->parts, options, text.size());
  for (const std::string_view chunk : CutIntoChunks(text, state_->parts.chunks)) encoding.Chunk(chunk);
  auto ids = encoding.Take();
  if (!options.add_special) return ids;
  ids.insert(ids.begin(), prefix_ids().begin(), prefix_ids().end());
  ids.insert(ids.end(), suffix_ids().begin(), suffix_ids().end());
  return ids;
}

std::string Tokenizer::DecodeBytes(std::span<const int32_t> ids, const DecodeOptions& options) const {
  std::string out;
  for (const int32_t id : ids)
    if (!options.skip_special || !IsSpecial(id)) out += TokenBytes(id);
  size_t begin = 0;
  const PieceDecoder& decoder = state_->parts.decoder;
  while (begin < static_cast<size_t>(decoder.strip_left()) && begin < out.size() &&
         out[begin] == decoder.strip_character())
    ++begin;
  return begin == 0 ? out : out.substr(begin);
}

std::string Tokenizer::Decode(std::span<const int32_t> ids, const DecodeOptions& options) const {
  return RepairUtf8(DecodeBytes(ids, options));
}

int32_t Tokenizer::vocab_size() const { return state_->parts.vocabulary.size(); }
bool Tokenizer::Has(int64_t id) const { return state_->parts.vocabulary.Has(id); }
std::optional<int32_t> Tokenizer::TokenToId(std::string_view piece) const {
  return state_->parts.vocabulary.Find(piece);
}
std::string_view Tokenizer::IdToPiece(int32_t id) const {
  return Has(id) ? state_->parts.vocabulary.piece(id) : std::string_view();
}
std::string_view Tokenizer::TokenBytes(int32_t id) const {
  if (!Has(id)) return {};
  const auto index = static_cast<size_t>(id);
  const size_t begin = state_->bytes_at[index], end = state_->bytes_at[index + 1];
  return std::string_view(state_->bytes).substr(begin, end - begin);
}
bool Tokenizer::IsSpecial(int32_t id) const { return Has(id) && state_->special[static_cast<size_t>(id)]; }
std::optional<int32_t> Tokenizer::bos() const { return state_->parts.bos; }
std::optional<int32_t> Tokenizer::eos() const { return state_->parts.eos; }
std::optional<int32_t> Tokenizer::pad() const { return state_->parts.pad; }
std::optional<int32_t> Tokenizer::unknown() const { return state_->parts.unknown; }
const std::vector<int32_t>& Tokenizer::stop_ids() const { return state_->parts.stop_ids; }
const std::vector<int32_t>& Tokenizer::prefix_ids() const { return state_->parts.prefix_ids; }
const std::vector<int32_t>& Tokenizer::suffix_ids() const { return state_->parts.suffix_ids; }

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, const DecodeOptions& options)
    : tokenizer_(tokenizer), options_(options), to_strip_(tokenizer.state_->parts.decoder.strip_left()) {}

std::string StreamDecoder::Push(int32_t id) {
  std::string out;
  if (options_.skip_special && tokenizer_.IsSpecial(id)) return out;
  std::string_view bytes = tokenizer_.TokenBytes(id);
  const char stripped = tokenizer_.state_->parts.decoder.strip_character();
  while (to_strip_ > 0 && !bytes.empty() && bytes[0] == stripped) {
    bytes.remove_prefix(1);
    --to_strip_;
  }
  if (!bytes.empty()) to_strip_ = 0;
  repair_.Append(bytes, out);
  return out;
}

std::string StreamDecoder::Flush() {
  std::string out;
  repair_.Flush(out);
  to_strip_ = tokenizer_.state_->parts.decoder.strip_left();
  return out;
}

}  // namespace tessera::text
