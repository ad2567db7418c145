#pragma once
// The ids of words already seen in one text. Ordinary text repeats its words, so most cost one look-up.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::text {

class WordCache {
 public:
  static constexpr size_t kMaxWord = 48;  // longer words are rarely seen twice

  // The ids of `word` if it is known; `found` says which.
  struct Result {
    bool found = false;
    std::span<const int32_t> ids;
  };
  Result Find(std::string_view word) const;
  // Remembers it, unless the cache is full.
  void Insert(std::string_view word, std::span<const int32_t> ids);

 private:
  static constexpr size_t kSlots = size_t{1} << 16, kProbes = 4;
  struct Slot {
    uint64_t hash = 0;
    uint32_t key_begin = 0, ids_begin = 0;
    uint16_t key_size = 0, ids_size = 0;  // key_size 0: free
  };
  static uint64_t Hash(std::string_view word);

  std::vector<Slot> slots_;
  std::string keys_;
  std::vector<int32_t> ids_;
};

}  // namespace tessera::text
