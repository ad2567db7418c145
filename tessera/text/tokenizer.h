#pragma once
// Text to token ids and back, exactly as the checkpoint's own tokenizer does it.
//
//   auto tokenizer = Tokenizer::Load("models/SmolLM2-135M");   // or a .gguf, tokenizer.json, tokenizer.model file
//   auto ids = tokenizer->Encode("Hello <|im_end|>");          // special tokens in the text are recognised
//   auto text = tokenizer->Decode(ids);                        // "Hello <|im_end|>"
//
// Every kind of vocabulary runs through the same stages; a loader fills them in (tokenizer_parts.h):
//
//   added tokens -> normaliser -> pre-tokenizer -> model (BPE or unigram) -> what the model adds
//
// A Tokenizer never changes; any number of threads may use one. Text in is any bytes: ill-formed UTF-8 counts as
// U+FFFD. Time is near-linear in the text for every vocabulary.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::weights {
class GgufFile;
}  // namespace tessera::weights

namespace tessera::text {

struct TokenizerParts;

enum class SpecialTokens {
  kRecognize,  // `<|im_end|>` in the text is the token
  kPlain,      // it is text like any other, as it must be in what a user typed
};

struct EncodeOptions {
  SpecialTokens special = SpecialTokens::kRecognize;
  bool add_special = false;  // put around the text what the model was trained with: BOS, EOS
};

struct DecodeOptions {
  bool skip_special = false;  // special tokens decode to nothing
};

class Tokenizer {
 public:
  // From a directory with tokenizer.json, tokenizer.model or tiktoken.model (the first of these that is there) and
  // their side files tokenizer_config.json, special_tokens_map.json, added_tokens.json, generation_config.json; from
  // one such file, whose side files are looked for beside it; or from a GGUF file.
  // Throws Error naming the file and what is wrong with it.
  static std::unique_ptr<Tokenizer> Load(const std::filesystem::path& path);
  // From a GGUF file that is open already; it may be closed afterwards.
  static std::unique_ptr<Tokenizer> Load(const weights::GgufFile& file);

  explicit Tokenizer(TokenizerParts parts);
  ~Tokenizer();

  // Throws Error if a pattern of the tokenizer file takes too many steps on this text.
  std::vector<int32_t> Encode(std::string_view text, const EncodeOptions& options = {}) const;

  // The bytes that the ids stand for, which need not be whole characters. An id without a token gives nothing.
  std::string DecodeBytes(std::span<const int32_t> ids, const DecodeOptions& options = {}) const;
  // The same as text: each ill-formed part is U+FFFD.
  std::string Decode(std::span<const int32_t> ids, const DecodeOptions& options = {}) const;

  // One more than the highest id. There may be gaps, and a model's output may be wider.
  int32_t vocab_size() const;
  bool Has(int64_t id) const;
  std::optional<int32_t> TokenToId(std::string_view piece) const;
  // The token's spelling in the file ("Ġthe", "▁the", "<|im_end|>"); empty if there is none.
  std::string_view IdToPiece(int32_t id) const;
  // The bytes that the token stands for inside a text ("Ġthe" is " the"); empty if there is none.
  std::string_view TokenBytes(int32_t id) const;
  // A token of the model's protocol (BOS, EOS, `<|im_end|>`, …), not of language.
  bool IsSpecial(int32_t id) const;

  std::optional<int32_t> bos() const;
  std::optional<int32_t> eos() const;
  std::optional<int32_t> pad() const;
  std::optional<int32_t> unknown() const;
  // Every id that ends an answer, ascending: EOS of the tokenizer and those of generation_config.json or the GGUF file.
  const std::vector<int32_t>& stop_ids() const;
  // What add_special puts in front of a text and behind it.
  const std::vector<int32_t>& prefix_ids() const;
  const std::vector<int32_t>& suffix_ids() const;

 private:
  friend class StreamDecoder;
  struct State;
  std::unique_ptr<const State> state_;
};

}  // namespace tessera::text
