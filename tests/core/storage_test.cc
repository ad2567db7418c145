#include "tessera/core/storage.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

namespace tessera {
namespace {

bool IsAligned(const std::byte* p) { return reinterpret_cast<uintptr_t>(p) % 64 == 0; }

TEST(Storage, IsAlignedAndWritableAtEverySize) {
  for (const int64_t bytes : {0, 1, 63, 65535, 65536, 65537, 1 << 20, (2 << 20) - 1, 2 << 20, (5 << 20) + 7}) {
    const auto storage = AllocateStorage(bytes);
    ASSERT_NE(storage, nullptr);
    EXPECT_TRUE(IsAligned(storage.get()));
    std::memset(storage.get(), 0x5a, static_cast<size_t>(bytes));
  }
}

TEST(Storage, BlocksInUseAreNeverSharedByThreads) {
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t, &wrong] {
      for (int i = 0; i < 200; ++i) {
        const size_t bytes = size_t{70000} + static_cast<size_t>(i % 7) * 30000;
        const auto a = AllocateStorage(static_cast<int64_t>(bytes)), b = AllocateStorage(static_cast<int64_t>(bytes));
        std::memset(a.get(), t, bytes);
        std::memset(b.get(), t + 100, bytes);
        for (size_t k = 0; k < bytes; k += 997) {
          if (a.get()[k] != std::byte(t) || b.get()[k] != std::byte(t + 100)) ++wrong[static_cast<size_t>(t)];
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4));
}

TEST(Storage, SizesThatNothingAsksForAnyMoreMakeRoomForOthers) {
#if defined(__has_feature)  // clang
#define TESSERA_HAS_FEATURE(feature) __has_feature(feature)
#else
#define TESSERA_HAS_FEATURE(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || TESSERA_HAS_FEATURE(address_sanitizer)
  GTEST_SKIP() << "nothing is reused, so that the sanitizer sees a use after free";
#endif
  constexpr int64_t kMiB = int64_t{1} << 20;
  {  // what loading leaves: no room for another 40 MiB
    std::vector<std::shared_ptr<std::byte>> left;
    for (int i = 0; i < 5; ++i) left.push_back(AllocateStorage(48 * kMiB));
  }
  std::byte kept{};  // fresh memory of this size holds zeros
  for (int i = 0; i < 100; ++i) {
    const auto block = AllocateStorage(40 * kMiB);
    kept = block.get()[100];
    block.get()[100] = std::byte(0x5a);
  }
  EXPECT_EQ(kept, std::byte(0x5a));
}

TEST(StorageArena, PiecesLieApartAndOutliveTheArena) {
  std::vector<std::shared_ptr<std::byte>> pieces;
  {
    StorageArena arena;
    for (int i = 0; i < 50; ++i) {
      pieces.push_back(arena.Take(i == 20 ? int64_t{300} << 20 : 1000 + i));
      EXPECT_TRUE(IsAligned(pieces.back().get()));
      std::memset(pieces.back().get(), i, static_cast<size_t>(1000 + i));
    }
  }
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(pieces[static_cast<size_t>(i)].get()[0], std::byte(i));
    EXPECT_EQ(pieces[static_cast<size_t>(i)].get()[999 + i], std::byte(i));
  }
}

}  // namespace
}  // namespace tessera
