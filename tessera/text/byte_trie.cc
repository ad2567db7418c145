#include "tessera/text/byte_trie.h"

#include <limits>
#include <utility>

#include "tessera/core/error.h"

namespace tessera::text {

ByteTrie::ByteTrie() : slots_(16), values_(1, kNone), mask_(15) {}

void ByteTrie::Grow() {
  std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(slots_.size() * 2));
  mask_ = slots_.size() - 1;
  for (const Slot& entry : old) {
    if (entry.key == kFree) continue;
    size_t slot = Hash(entry.key) & mask_;
    while (slots_[slot].key != kFree) slot = (slot + 1) & mask_;
    slots_[slot] = entry;
  }
}

void ByteTrie::Insert(std::string_view key, int32_t value) {
  int32_t node = kRoot;
  for (const char byte : key) {
    int32_t child = Child(node, byte);
    if (child == kNone) {
      Require(values_.size() < size_t{1} << 28, "trie: more than {} nodes", size_t{1} << 28);
      if (values_.size() * 2 >= slots_.size()) Grow();
      child = static_cast<int32_t>(values_.size());
      values_.push_back(kNone);
      const uint64_t edge = Key(node, byte);
      size_t slot = Hash(edge) & mask_;
      while (slots_[slot].key != kFree) slot = (slot + 1) & mask_;
      slots_[slot] = {edge, child};
    }
    node = child;
  }
  auto& held = values_[static_cast<size_t>(node)];
  if (held == kNone) held = value;
}

ByteTrie::Match ByteTrie::Longest(std::string_view text, size_t at) const {
  Match longest;
  int32_t node = kRoot;
  for (size_t i = at; i < text.size(); ++i) {
    node = Child(node, text[i]);
    if (node == kNone) break;
    if (Value(node) != kNone) longest = {i + 1 - at, Value(node)};
  }
  return longest;
}

}  // namespace tessera::text
