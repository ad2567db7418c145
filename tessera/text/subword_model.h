#pragma once
// How one word (a piece of text that the pre-tokenizer will not let anything cross) becomes ids.

#include <cstdint>
#include <string_view>
#include <vector>

#include "tessera/text/merge_table.h"

namespace tessera::text {

// Working memory of one call, so that a model itself never changes and any thread may use it.
struct SubwordScratch {
  std::vector<int32_t> ids;
  MergeScratch merge;
};

class SubwordModel {
 public:
  virtual ~SubwordModel() = default;
  // Appends the ids of `word`, well-formed UTF-8 unless the model works on bytes.
  virtual void Encode(std::string_view word, SubwordScratch& scratch, std::vector<int32_t>& ids) const = 0;
  // True if Encode(ab) = Encode(a) + Encode(b) whenever b begins with U+2581 and a ends otherwise. A long text
  // without a pre-tokenizer may then be cut in front of its words.
  virtual bool BreaksBeforeLowerBlock() const { return false; }
};

}  // namespace tessera::text
