#include "tessera/core/storage.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <mutex>
#include <new>
#include <vector>

namespace tessera {
namespace {

constexpr int64_t kLineBytes = 64;
constexpr std::align_val_t kLine{kLineBytes};
constexpr int64_t kHugePage = int64_t{2} << 20;
// The C library keeps smaller blocks at hand itself; larger ones it splits and merges again at every operator.
constexpr int64_t kReusedFrom = 1024, kWaitingAtMost = int64_t{256} << 20, kStaleAfter = 8 * kWaitingAtMost;
#if defined(__SANITIZE_ADDRESS__)  // GCC
#define TESSERA_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#define TESSERA_ADDRESS_SANITIZER __has_feature(address_sanitizer)  // clang
#else
#define TESSERA_ADDRESS_SANITIZER 0
#endif
constexpr bool kReuse = !TESSERA_ADDRESS_SANITIZER;  // the sanitizer must see a use after free

std::byte* NewBlock(int64_t bytes) {
  if (bytes < kHugePage) return static_cast<std::byte*>(::operator new(static_cast<size_t>(bytes), kLine));
  auto* block = static_cast<std::byte*>(::operator new (static_cast<size_t>(bytes), std::align_val_t{kHugePage}));
  madvise(block, static_cast<size_t>(bytes), MADV_HUGEPAGE);  // a wish; nothing depends on it
  return block;
}

void DeleteBlock(std::byte* block, int64_t bytes) {
  ::operator delete (block, bytes < kHugePage ? kLine : std::align_val_t{kHugePage});
}

// The size that such a block really has: the next of four steps between powers of two.
struct SizeClass {
  int64_t bytes;
  size_t index;  // from 0, in order of size

  explicit SizeClass(int64_t least) {
    const int shift = std::bit_width(static_cast<uint64_t>(least - 1)) - 3;  // steps of 1 << shift, from the fourth on
    const int64_t steps = (least + (int64_t{1} << shift) - 1) >> shift;
    bytes = steps << shift;
    index = static_cast<size_t>(4 * shift + steps);
  }
};

// Freed blocks by size. Where there are too many, those go that nothing took while kStaleAfter other bytes were
// freed: loading a model or another length of prompt leaves sizes that nothing asks for again. (Always the oldest one
// would be wrong: sizes that come in turn and do not all fit would push each other out before any is used.)
// Never destroyed: tensors of static storage may outlive anything.
class Waiting {
 public:
  std::byte* Take(const SizeClass& size) {
    {
      const std::lock_guard lock(mutex_);
      std::vector<Block>& blocks = blocks_[size.index];
      if (!blocks.empty()) {
        std::byte* block = blocks.back().data;
        blocks.pop_back();
        bytes_ -= size.bytes;
        return block;
      }
    }
    return NewBlock(size.bytes);
  }

  void Give(std::byte* block, const SizeClass& size) {
    std::vector<Block> stale;
    {
      const std::lock_guard lock(mutex_);
      given_ += size.bytes;
      if (kReuse && bytes_ + size.bytes > kWaitingAtMost) TakeStale(stale);
      if (kReuse && bytes_ + size.bytes <= kWaitingAtMost) {
        blocks_[size.index].push_back({block, size.bytes, given_});
        bytes_ += size.bytes;
        block = nullptr;
      }
    }
    if (block != nullptr) DeleteBlock(block, size.bytes);
    for (const Block& each : stale) DeleteBlock(each.data, each.bytes);
  }

 private:
  struct Block {
    std::byte* data;
    int64_t bytes, since;  // since: what had been given then
  };

  void TakeStale(std::vector<Block>& stale) {
    for (std::vector<Block>& blocks : blocks_) {
      const auto fresh = std::find_if(blocks.begin(), blocks.end(),
                                      [&](const Block& each) { return given_ - each.since <= kStaleAfter; });
      for (auto each = blocks.begin(); each != fresh; ++each) bytes_ -= each->bytes;
      stale.insert(stale.end(), blocks.begin(), fresh);
      blocks.erase(blocks.begin(), fresh);
    }
  }

  std::mutex mutex_;
  std::array<std::vector<Block>, 256> blocks_;  // [class], from the one that waits longest on
  int64_t bytes_ = 0, given_ = 0;
};

Waiting& TheWaiting() {
  static Waiting& waiting = *std::make_unique<Waiting>().release();
  return waiting;
}

}  // namespace

std::shared_ptr<std::byte> AllocateStorage(int64_t bytes) {
  bytes = std::max<int64_t>(bytes, 1);
  if (bytes < kReusedFrom) {
    // One allocation for the bytes and their owners' count, aligned by hand: the C library is slow to align.
    const auto block = std::make_shared_for_overwrite<std::byte[]>(static_cast<size_t>(bytes + kLineBytes - 1));
    const auto place = reinterpret_cast<uintptr_t>(block.get());
    return {block, block.get() + (kLineBytes - place % kLineBytes) % kLineBytes};
  }
  const SizeClass size(bytes);
  return {TheWaiting().Take(size), [size](std::byte* p) { TheWaiting().Give(p, size); }};
}

std::shared_ptr<std::byte> StorageArena::Take(int64_t bytes) {
  constexpr int64_t kBlock = int64_t{256} << 20;  // of addresses; memory comes as it is written
  bytes = (bytes + 63) / 64 * 64;
  if (block_ == nullptr || used_ + bytes > size_) {
    size_ = std::max(kBlock, (bytes + kHugePage - 1) / kHugePage * kHugePage);
    block_ = {NewBlock(size_), [size = size_](std::byte* p) { DeleteBlock(p, size); }};
    used_ = 0;
  }
  std::byte* piece = block_.get() + used_;
  used_ += bytes;
  return {block_, piece};
}

}  // namespace tessera
