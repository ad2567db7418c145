#pragma once
// Cuts a normalised text into words that merges cannot cross, as the "pre_tokenizer" of tokenizer.json says: a list of
// stages, each of which cuts the pieces of the stage before.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/text/sorted_json.h"

namespace tessera::text {

struct Span {
  size_t begin = 0, end = 0;
};

// A text and its pieces, in order. Stages that change the text (a mark in front, spaces replaced) write a new one.
struct Words {
  std::string_view text;
  std::vector<Span> spans;
  bool at_start = true;  // the text is the beginning of what the caller encodes, not what follows a special token
  std::string owned;     // the text itself, once a stage has changed it

  std::string_view operator[](size_t i) const { return text.substr(spans[i].begin, spans[i].end - spans[i].begin); }
};

// What becomes of the matches of a pattern.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

class PreTokenizerStage {
 public:
  virtual ~PreTokenizerStage() = default;
  virtual void Apply(Words& words) const = 0;
};

class PreTokenizer {
 public:
  PreTokenizer() = default;  // the whole text is one word
  // Knows Split, ByteLevel, Digits, Punctuation, Whitespace, WhitespaceSplit, CharDelimiterSplit, Metaspace and
  // Sequence; throws Error naming any other type.
  static PreTokenizer FromJson(const SortedJson& json);

  // A stage that cuts at every match of `pattern` and keeps both the matches and what is between.
  void AddSplit(std::string_view pattern);
  void SetByteLevel() { byte_level_ = true; }

  // True if the model must see bytes instead of characters (the stage ByteLevel).
  bool byte_level() const { return byte_level_; }
  bool empty() const { return stages_.empty(); }
  void Apply(Words& words) const;

 private:
  void AddStages(const SortedJson& json, int depth);
  void AddByteLevel(const SortedJson& json);

  std::vector<std::unique_ptr<PreTokenizerStage>> stages_;
  bool byte_level_ = false;
};

// The pattern of GPT-2, which the stage ByteLevel cuts by.
inline constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

}  // namespace tessera::text
