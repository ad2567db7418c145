#pragma once
// A set of byte strings with a value each, walked one byte at a time.

#include <cstdint>
#include <string_view>
#include <vector>

namespace tessera::text {

class ByteTrie {
 public:
  static constexpr int32_t kRoot = 0, kNone = -1;

  ByteTrie();
  // Gives `key` the value `value` >= 0; a key that is there keeps its first value.
  void Insert(std::string_view key, int32_t value);

  int32_t Child(int32_t node, char byte) const {  // kNone if no key goes on with `byte`
    const uint64_t key = Key(node, byte);
    for (size_t slot = Hash(key) & mask_;; slot = (slot + 1) & mask_) {
      if (slots_[slot].key == key) return slots_[slot].child;
      if (slots_[slot].key == kFree) return kNone;
    }
  }
  int32_t Value(int32_t node) const { return values_[static_cast<size_t>(node)]; }  // kNone: no key ends here

  struct Match {
    size_t size = 0;
    int32_t value = kNone;
  };
  // The longest key that `text` has at `at`; size 0 if none.
  Match Longest(std::string_view text, size_t at) const;

 private:
  static constexpr uint64_t kFree = ~uint64_t{0};
  struct Slot {
    uint64_t key = kFree;
    int32_t child = kNone;
  };
  static uint64_t Key(int32_t node, char byte) {
    return static_cast<uint64_t>(static_cast<uint32_t>(node)) << 8 | static_cast<unsigned char>(byte);
  }
  static size_t Hash(uint64_t key) { return key * 0x9E3779B97F4A7C15u >> 20; }
  void Grow();

  std::vector<Slot> slots_;
  std::vector<int32_t> values_;
  size_t mask_ = 0;
};

}  // namespace tessera::text
