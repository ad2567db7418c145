#include "tessera/text/pre_tokenizer.h"

#include <functional>
#include <utility>

#include "tessera/core/error.h"
#include "tessera/text/regex.h"
#include "tessera/text/split_stage.h"
#include "tessera/text/unicode.h"

namespace tessera::text {
namespace {

constexpr int kMaxNesting = 16;

SplitBehavior BehaviorOf(const SortedJson& json, std::string_view fallback) {
  const std::string name = StringOr(json, "behavior", fallback);
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  Fail("pre_tokenizer: the behavior \"{}\" is not known", name);
}

// A space in front of each piece that does not begin with one (ByteLevel's add_prefix_space).
class PrefixSpaceStage : public PreTokenizerStage {
 public:
  void Apply(Words& words) const override {
    std::string text;
    for (size_t i = 0; i < words.spans.size(); ++i) {
      const std::string_view word = words[i];
      const size_t begin = text.size();
      if (!IsWhiteSpace(DecodeUtf8(word, 0).value)) text += ' ';
      text += word;
      words.spans[i] = {begin, text.size()};
    }
    words.owned = std::move(text);
    words.text = words.owned;
  }
};

// Spaces become a mark, and a mark may be put in front of the text.
class MetaspaceStage : public PreTokenizerStage {
 public:
  enum class Prepend { kNever, kFirst, kAlways };
  MetaspaceStage(std::string mark, Prepend prepend) : mark_(std::move(mark)), prepend_(prepend) {}

  void Apply(Words& words) const override {
    std::string text;
    for (size_t i = 0; i < words.spans.size(); ++i) {
      const std::string_view word = words[i];
      const size_t begin = text.size();
      const bool first = words.at_start && words.spans[i].begin == 0;
      const bool wanted = prepend_ == Prepend::kAlways || (prepend_ == Prepend::kFirst && first);
      if (wanted && !word.starts_with(' ') && !word.starts_with(mark_)) text += mark_;
      for (const char c : word) {
        if (c == ' ')
          text += mark_;
        else
          text += c;
      }
      words.spans[i] = {begin, text.size()};
    }
    words.owned = std::move(text);
    words.text = words.owned;
  }

 private:
  std::string mark_;
  Prepend prepend_;
};

MetaspaceStage::Prepend PrependOf(const SortedJson& json) {
  const std::string scheme =
      StringOr(json, "prepend_scheme", BoolOr(json, "add_prefix_space", true) ? "always" : "never");
  if (scheme == "never") return MetaspaceStage::Prepend::kNever;
  if (scheme == "first") return MetaspaceStage::Prepend::kFirst;
  Require(scheme == "always", "pre_tokenizer Metaspace: the scheme \"{}\" is not known", scheme);
  return MetaspaceStage::Prepend::kAlways;
}

}  // namespace

void PreTokenizer::AddByteLevel(const SortedJson& json) {
  if (BoolOr(json, "add_prefix_space", true)) stages_.push_back(std::make_unique<PrefixSpaceStage>());
  if (BoolOr(json, "use_regex", true)) AddSplit(kGpt2Pattern);
  byte_level_ = true;
}

void PreTokenizer::AddSplit(std::string_view pattern) {
  stages_.push_back(PatternSplit(pattern, {.behavior = SplitBehavior::kIsolated, .invert = false}));
}

void PreTokenizer::AddStages(const SortedJson& json, int depth) {
  if (json.is_null()) return;
  Require(depth < kMaxNesting, "pre_tokenizer: sequences nested deeper than {} levels", kMaxNesting);
  const std::string type = StringOr(json, "type", "");
  Require(!byte_level_, "pre_tokenizer: \"{}\" after ByteLevel is not supported", type);
  if (type == "Sequence") {
    for (const auto& stage : ArrayMember(json, "pretokenizers")) AddStages(stage, depth + 1);
  } else if (type == "ByteLevel") {
    AddByteLevel(json);
  } else if (type == "Split") {
    const SortedJson& pattern = Member(json, "pattern");
    const bool is_regex = pattern.is_object() && pattern.contains("Regex");
    const std::string source =
        is_regex ? StringOr(pattern, "Regex", "") : EscapePattern(StringOr(pattern, "String", ""));
    stages_.push_back(PatternSplit(source, {BehaviorOf(json, "Isolated"), BoolOr(json, "invert", false)}));
  } else if (type == "Digits") {
    const bool each = BoolOr(json, "individual_digits", false);
    stages_.push_back(CharacterSplit(IsNumeric, each ? SplitBehavior::kIsolated : SplitBehavior::kContiguous));
  } else if (type == "Punctuation") {
    stages_.push_back(CharacterSplit(IsPunctuation, BehaviorOf(json, "Isolated")));
  } else if (type == "WhitespaceSplit") {
    stages_.push_back(CharacterSplit(IsWhiteSpace, SplitBehavior::kRemoved));
  } else if (type == "Whitespace") {
    stages_.push_back(PatternSplit(R"(\w+|[^\w\s]+)", {SplitBehavior::kRemoved, true}));
  } else if (type == "CharDelimiterSplit") {
    const std::string delimiter = EscapePattern(StringOr(json, "delimiter", ""));
    stages_.push_back(PatternSplit(delimiter, {SplitBehavior::kRemoved, false}));
  } else if (type == "Metaspace") {
    const std::string mark = StringOr(json, "replacement", kLowerBlock);
    Require(!mark.empty() && mark.size() <= 4, "pre_tokenizer Metaspace: the replacement is not one character");
    stages_.push_back(std::make_unique<MetaspaceStage>(mark, PrependOf(json)));
    if (BoolOr(json, "split", true))
      stages_.push_back(PatternSplit(EscapePattern(mark), {SplitBehavior::kMergedWithNext, false}));
  } else {
    Fail("pre_tokenizer: the type \"{}\" is not known", type);
  }
}

PreTokenizer PreTokenizer::FromJson(const SortedJson& json) {
  PreTokenizer pre_tokenizer;
  pre_tokenizer.AddStages(json, 0);
  return pre_tokenizer;
}

void PreTokenizer::Apply(Words& words) const {
  for (const auto& stage : stages_) stage->Apply(words);
}

}  // namespace tessera::text
