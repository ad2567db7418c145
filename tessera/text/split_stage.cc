#include "tessera/text/split_stage.h"

#include "tessera/core/error.h"
#include "tessera/text/regex.h"
#include "tessera/text/unicode.h"

namespace tessera::text {
namespace {

// Takes the parts of one piece in order, matches and what is between, and appends the words that `behavior` makes of
// them.
class Cutter {
 public:
  Cutter(SplitBehavior behavior, std::vector<Span>& out) : behavior_(behavior), out_(out) {}

  void BeginPiece() { has_previous_ = false, previous_matched_ = false; }

  void Part(Span part, bool match) {
    if (part.begin == part.end) return;
    switch (behavior_) {
      case SplitBehavior::kRemoved:
        if (!match) out_.push_back(part);
        break;
      case SplitBehavior::kIsolated:
        out_.push_back(part);
        break;
      case SplitBehavior::kContiguous:
        if (has_previous_ && previous_matched_ == match)
          out_.back().end = part.end;
        else
          out_.push_back(part);
        break;
      case SplitBehavior::kMergedWithPrevious:
        if (match && has_previous_ && !previous_matched_)
          out_.back().end = part.end;
        else
          out_.push_back(part);
        break;
      case SplitBehavior::kMergedWithNext:
        if (!match && has_previous_ && previous_matched_)
          out_.back().end = part.end;
        else
          out_.push_back(part);
        break;
    }
    has_previous_ = true;
    previous_matched_ = match;
  }

 private:
  SplitBehavior behavior_;
  std::vector<Span>& out_;
  bool has_previous_ = false, previous_matched_ = false;
};

class PatternStage : public PreTokenizerStage {
 public:
  PatternStage(std::string_view pattern, const SplitOptions& options)
      : regex_(pattern, "pre_tokenizer"), options_(options) {}

  void Apply(Words& words) const override {
    std::vector<Span> out;
    out.reserve(words.spans.size() * 2 + words.text.size() / 6);
    Cutter cutter(options_.behavior, out);
    Regex::Search search(regex_);
    for (const Span& span : words.spans) {
      const std::string_view piece = words.text.substr(span.begin, span.end - span.begin);
      cutter.BeginPiece();
      size_t done = 0;
      for (size_t from = 0; from <= piece.size();) {
        const auto match = search.Next(piece, from);
        if (!match) break;
        cutter.Part({span.begin + done, span.begin + match->begin}, options_.invert);
        cutter.Part({span.begin + match->begin, span.begin + match->end}, !options_.invert);
        done = match->end;
        from = match->end;
        if (match->end == match->begin) from += from < piece.size() ? DecodeUtf8(piece, from).size : 1;
      }
      cutter.Part({span.begin + done, span.end}, options_.invert);
    }
    words.spans = std::move(out);
  }

 private:
  Regex regex_;
  SplitOptions options_;
};

class CharacterStage : public PreTokenizerStage {
 public:
  CharacterStage(bool (*is_match)(char32_t), SplitBehavior behavior) : is_match_(is_match), behavior_(behavior) {}

  void Apply(Words& words) const override {
    std::vector<Span> out;
    out.reserve(words.spans.size() + 16);
    Cutter cutter(behavior_, out);
    for (const Span& span : words.spans) {
      cutter.BeginPiece();
      size_t done = span.begin;
      for (size_t at = span.begin; at < span.end;) {
        const CodePoint c = DecodeUtf8(words.text, at);
        if (is_match_(c.value)) {
          cutter.Part({done, at}, false);
          cutter.Part({at, at + c.size}, true);
          done = at + c.size;
        }
        at += c.size;
      }
      cutter.Part({done, span.end}, false);
    }
    words.spans = std::move(out);
  }

 private:
  bool (*is_match_)(char32_t);
  SplitBehavior behavior_;
};

}  // namespace

std::unique_ptr<PreTokenizerStage> PatternSplit(std::string_view pattern, const SplitOptions& options) {
  return std::make_unique<PatternStage>(pattern, options);
}

std::unique_ptr<PreTokenizerStage> CharacterSplit(bool (*is_match)(char32_t), SplitBehavior behavior) {
  return std::make_unique<CharacterStage>(is_match, behavior);
}

}  // namespace tessera::text
