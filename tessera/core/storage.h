#pragma once
// Memory for tensors.
//
// A forward pass makes the same few sizes of activations in every layer. Fresh memory costs a page fault for each 4 KB,
// which is more than an elementwise operator takes to write them; so large blocks that are freed wait here for the next
// tensor of about their size. Weights that live as long as the model come from an arena of huge pages, so that a stream
// through them misses no page table.

#include <cstddef>
#include <cstdint>
#include <memory>

namespace tessera {

// `bytes` bytes, aligned to 64, their values unset. Blocks of 1 KiB and more are reused; what waits for reuse is at
// most 256 MiB together, and sizes that are no longer asked for make room for others. Throws std::bad_alloc.
std::shared_ptr<std::byte> AllocateStorage(int64_t bytes);

// Hands out pieces of large blocks, one after the other; a block is freed when its last piece is. For memory that is
// kept: nothing is reused. Not for several threads at once.
class StorageArena {
 public:
  // A piece of `bytes` bytes, aligned to 64, its values unset.
  std::shared_ptr<std::byte> Take(int64_t bytes);

 private:
  std::shared_ptr<std::byte> block_;
  int64_t used_ = 0, size_ = 0;
};

}  // namespace tessera
