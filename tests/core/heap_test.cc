#include "tessera/core/heap.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tessera {
namespace {

TEST(Heap, WhatIsInUseStaysAfterTrimming) {
  std::vector<std::string> kept;
  {
    std::vector<std::string> freed;
    for (int i = 0; i < 10'000; ++i) {
      freed.emplace_back(100, 'x');
      if (i % 100 == 0) kept.emplace_back(100, static_cast<char>('a' + i / 100 % 26));
    }
  }
  TrimHeap();
  for (size_t i = 0; i < kept.size(); ++i) EXPECT_EQ(kept[i], std::string(100, static_cast<char>('a' + i % 26)));
}

}  // namespace
}  // namespace tessera
