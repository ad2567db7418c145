#pragma once
// What attention needs of one pass besides its operands, as lists on the GPU: made once for a pass from its pattern,
// used by every layer. Lists are made when a layer first asks for them.
//
// A plan with `room_to_grow` can be filled again for a later step: the lists stay where they are, so that a graph which
// was recorded with them serves steps of any length.

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <tuple>

#include "tessera/core/tensor.h"
#include "tessera/kernels/cuda/attention.h"
#include "tessera/kernels/cuda/work.h"

namespace tessera::kernels::cuda {

// Memory on the GPU and, as much, pinned memory on the host, from which it is filled with one copy that the host does
// not wait for.
class UploadArena {
 public:
  explicit UploadArena(int64_t bytes);
  // Room for `bytes` bytes at the same place of both. Throws Error if none is left.
  int64_t Take(int64_t bytes);
  std::shared_ptr<std::byte> gpu(int64_t at) const { return {gpu_, gpu_.get() + at}; }
  std::byte* here(int64_t at) const { return here_.get() + at; }
  // Copies all that was taken, or a part. What was written here before must have arrived.
  void Upload() const { Upload(0, used_); }
  void Upload(int64_t at, int64_t bytes) const;

 private:
  std::shared_ptr<std::byte> gpu_, here_;
  int64_t bytes_, used_ = 0;
};

// Numbers on the GPU that come from the host: once or, with an arena, again and again.
template <typename T>
class UploadedList {
 public:
  UploadedList() = default;
  // Room for `capacity` items.
  UploadedList(int64_t capacity, const std::shared_ptr<UploadArena>& arena);
  int64_t capacity() const { return capacity_; }
  const T* data() const { return reinterpret_cast<const T*>(gpu_.get()); }
  // All items as a tensor [capacity] of i64 or i32.
  Tensor tensor() const { return Tensor::OnGpu(gpu_, gpu_.get(), {capacity_}, DTypeOf<T>); }
  // Throws Error for more items than there is room for. In an arena they go to the GPU with its next Upload.
  void Fill(std::span<const T> items);

 private:
  int64_t capacity_ = 0, at_ = 0;
  std::shared_ptr<std::byte> gpu_;
  std::shared_ptr<UploadArena> arena_;
};

class PassPlan {
 public:
  // `slots`: where each row's key and value go; none without a cache.
  PassPlan(const AttentionPattern& pattern, std::span<const int64_t> slots, bool room_to_grow = false);
  ~PassPlan();
  PassPlan(const PassPlan&) = delete;
  PassPlan& operator=(const PassPlan&) = delete;

  // The plan of another pass of as many rows and sequences, in the same places, which is on the GPU after the next
  // arena()->Upload(). False, and the plan is of no use any more, if a list has no room for it.
  bool Refill(const AttentionPattern& pattern, std::span<const int64_t> slots);

  const AttentionPattern& pattern() const { return pattern_; }
  const std::shared_ptr<UploadArena>& arena() const { return arena_; }  // of a plan with room to grow
  int64_t rows() const { return pattern_.query_rows(); }
  const int64_t* slots() const { return slots_.data(); }
  const int32_t* pages() const { return pages_.data(); }

  // For kernels that split keys in pages (flash_decode.cuh).
  struct Splits {
    UploadedList<SplitWork> splits;
    UploadedList<CombineWork> combine;
    UploadedList<int32_t> count;
    int64_t combine_count = 0;
  };
  const Splits& SplitsFor(int queries_per_key) const;

  // For kernels of any pattern (plain_attention.cuh).
  struct Sights {
    UploadedList<RowSight> rows;
    UploadedList<int32_t> paths;
  };
  const Sights& SightsFor(int64_t window) const;

  // For keys that lie end to end, or were copied so (flash_attention.cuh), and for copying them: the slot of each key
  // of all sequences.
  const AttentionPlan& EndToEnd(const AttentionShape& shape) const;
  const int64_t* KeySlots() const;

 private:
  AttentionPattern pattern_;
  std::shared_ptr<UploadArena> arena_;
  UploadedList<int64_t> slots_;
  UploadedList<int32_t> pages_;
  // What layers have asked for so far.
  mutable std::map<int, Splits> splits_;
  mutable std::map<int64_t, Sights> sights_;
  mutable std::map<std::tuple<DType, int, int, int, int, float>, std::unique_ptr<AttentionPlan>> end_to_end_;
  mutable UploadedList<int64_t> key_slots_;

  bool paged() const;
};

}  // namespace tessera::kernels::cuda
