#pragma once
// Which two neighbours may become one, in what order: the heart of byte-pair encoding.
//
//   (left, right) -> rank, merged        the lowest rank is merged first
//
// A hash table with open addressing: 16 bytes an entry, one cache line a look-up in most cases.

#include <cstdint>
#include <span>
#include <vector>

namespace tessera::text {

class MergeTable {
 public:
  struct Merge {
    int32_t left, right;
    uint32_t rank;
    int32_t merged;
  };
  static constexpr uint32_t kNone = 0xFFFFFFFF;  // the rank of a pair that never merges

  MergeTable() : MergeTable(std::span<const Merge>()) {}
  // A pair that stands twice has the later rank.
  explicit MergeTable(std::span<const Merge> merges);

  struct Found {
    uint32_t rank = kNone;
    int32_t merged = -1;
  };
  Found Find(int32_t left, int32_t right) const {
    for (size_t slot = Hash(left, right) & mask_;; slot = (slot + 1) & mask_) {
      const Merge& entry = slots_[slot];
      if (entry.left == left && entry.right == right) return {entry.rank, entry.merged};
      if (entry.left < 0) return {};
    }
  }
  size_t size() const { return count_; }

 private:
  static size_t Hash(int32_t left, int32_t right) {
    uint64_t x = static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
    x ^= x >> 31;
    x *= 0x9E3779B97F4A7C15u;  // 2^64 / golden ratio
    return x >> 20;
  }
  std::vector<Merge> slots_;
  size_t mask_ = 0, count_ = 0;
};

// The working memory of Merge, kept between words.
struct MergeScratch {
  struct Symbol {
    int32_t id, previous, next;
  };
  std::vector<Symbol> symbols;
  std::vector<uint64_t> heap;  // rank << 32 | index of the left symbol
  std::vector<MergeTable::Found> pairs;
};

// Merges `ids` in place until no pair is in the table: lowest rank first, the leftmost of equals.
// n ids take O(n²) steps for n below some tens, else O(n log n).
void MergeAll(const MergeTable& table, std::vector<int32_t>& ids, MergeScratch& scratch);

}  // namespace tessera::text
