#include "tessera/text/merge_table.h"

#include <algorithm>
#include <bit>
#include <functional>

#include "tessera/core/error.h"

namespace tessera::text {
namespace {

constexpr size_t kScanAtMost = 48;  // below, scanning for the lowest rank beats a heap
constexpr size_t kMaxMerges = size_t{1} << 26;

// Every pair's rank stands in `pairs`; the lowest is found by looking at all.
void MergeByScanning(const MergeTable& table, std::vector<int32_t>& ids, std::vector<MergeTable::Found>& pairs) {
  pairs.clear();
  for (size_t i = 0; i + 1 < ids.size(); ++i) pairs.push_back(table.Find(ids[i], ids[i + 1]));
  while (!pairs.empty()) {
    size_t best = 0;
    for (size_t i = 1; i < pairs.size(); ++i)
      if (pairs[i].rank < pairs[best].rank) best = i;
    if (pairs[best].rank == MergeTable::kNone) return;
    ids[best] = pairs[best].merged;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    pairs.erase(pairs.begin() + static_cast<std::ptrdiff_t>(best));
    if (best > 0) pairs[best - 1] = table.Find(ids[best - 1], ids[best]);
    if (best < pairs.size()) pairs[best] = table.Find(ids[best], ids[best + 1]);
  }
}

// Symbols form a linked list; the heap may hold pairs that no longer exist, which a second look-up tells apart.
void MergeByHeap(const MergeTable& table, std::vector<int32_t>& ids, MergeScratch& scratch) {
  auto& symbols = scratch.symbols;
  auto& heap = scratch.heap;
  symbols.clear();
  heap.clear();
  const auto n = static_cast<int32_t>(ids.size());
  for (int32_t i = 0; i < n; ++i) symbols.push_back({ids[static_cast<size_t>(i)], i - 1, i + 1 < n ? i + 1 : -1});
  const auto at = [&](int32_t i) -> MergeScratch::Symbol& { return symbols[static_cast<size_t>(i)]; };
  const auto find = [&](int32_t left) {
    return at(left).next < 0 ? MergeTable::Found() : table.Find(at(left).id, at(at(left).next).id);
  };
  const auto entry = [](uint32_t rank, int32_t left) {
    return static_cast<uint64_t>(rank) << 32 | static_cast<uint32_t>(left);
  };
  const auto push = [&](int32_t left) {
    const auto found = find(left);
    if (found.rank == MergeTable::kNone) return;
    heap.push_back(entry(found.rank, left));
    std::push_heap(heap.begin(), heap.end(), std::greater<>());
  };
  for (int32_t i = 0; i + 1 < n; ++i) {
    const auto found = find(i);
    if (found.rank != MergeTable::kNone) heap.push_back(entry(found.rank, i));
  }
  std::make_heap(heap.begin(), heap.end(), std::greater<>());
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    const uint64_t top = heap.back();
    heap.pop_back();
    const auto left = static_cast<int32_t>(top & 0xFFFFFFFF);
    if (at(left).id < 0) continue;  // it was swallowed by its left neighbour
    const auto found = find(left);
    if (found.rank != static_cast<uint32_t>(top >> 32)) continue;
    const int32_t right = at(left).next;
    at(left).id = found.merged;
    at(left).next = at(right).next;
    if (at(right).next >= 0) at(at(right).next).previous = left;
    at(right).id = -1;
    if (at(left).previous >= 0) push(at(left).previous);
    push(left);
  }
  ids.clear();
  for (int32_t i = 0; i >= 0; i = at(i).next) ids.push_back(at(i).id);
}

}  // namespace

MergeTable::MergeTable(std::span<const Merge> merges) {
  Require(merges.size() <= kMaxMerges, "merges: {} pairs, the limit is {}", merges.size(), kMaxMerges);
  const size_t slots = std::bit_ceil(merges.size() * 2 + 2);
  slots_.assign(slots, {-1, -1, kNone, -1});
  mask_ = slots - 1;
  for (const Merge& merge : merges) {
    size_t slot = Hash(merge.left, merge.right) & mask_;
    while (slots_[slot].left >= 0 && !(slots_[slot].left == merge.left && slots_[slot].right == merge.right))
      slot = (slot + 1) & mask_;
    count_ += slots_[slot].left < 0;
    slots_[slot] = merge;
  }
}

void MergeAll(const MergeTable& table, std::vector<int32_t>& ids, MergeScratch& scratch) {
  if (ids.size() < 2) return;
  if (ids.size() <= kScanAtMost)
    MergeByScanning(table, ids, scratch.pairs);
  else
    MergeByHeap(table, ids, scratch);
}

}  // namespace tessera::text
