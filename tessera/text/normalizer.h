#pragma once
// What happens to a text before it is split: Unicode normal forms, replacements, a mark in front. A list of steps, each
// a function of the whole text, in the order of tokenizer.json's "normalizer".

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/text/sorted_json.h"

namespace tessera::text {

class Normalizer {
 public:
  using Step = std::function<std::string(std::string)>;

  Normalizer() = default;  // changes nothing
  // From the JSON of tokenizer.json. Knows NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Replace, Prepend,
  // Precompiled, Nmt and Sequence; throws Error naming any other type.
  static Normalizer FromJson(const SortedJson& json);

  void Add(Step step) { steps_.push_back(std::move(step)); }
  bool empty() const { return steps_.empty(); }
  // Throws Error if a step, or all of them together, make the text grow too much.
  std::string Apply(std::string text) const;

 private:
  std::vector<Step> steps_;
};

// Throws Error if a step made more of a text than any language needs: 32 bytes a byte. A hostile file could otherwise
// turn a short text into more than memory holds.
void RequireModestGrowth(size_t bytes_before, size_t bytes_after, std::string_view where);

// The steps that loaders other than tokenizer.json need too.
Normalizer::Step PrependStep(std::string prefix);                        // an empty text stays empty
Normalizer::Step ReplaceStep(std::string pattern, std::string content);  // every occurrence of a literal
Normalizer::Step PrecompiledStep(std::string charsmap);                  // SentencePiece's table of replacements
Normalizer::Step CollapseSpacesStep();  // no spaces at the ends, one where there were several (SentencePiece)

}  // namespace tessera::text
