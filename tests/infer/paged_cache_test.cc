#include "tessera/infer/paged_cache.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tessera/core/error.h"

namespace tessera::infer {
namespace {

std::vector<int32_t> Tokens(int64_t count, int32_t first = 0) {
  std::vector<int32_t> tokens(static_cast<size_t>(count));
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

PagedCache SmallCache(int64_t pages) {
  return PagedCache({{.dtype = DType::kF32, .kv_heads = 1, .key_dim = 8, .value_dim = 8}}, {.pages = pages});
}

// Allocates and publishes pages for all whole pages of `tokens`.
std::vector<int32_t> Fill(PagedCache& cache, const std::vector<int32_t>& tokens) {
  std::vector<int32_t> pages;
  PrefixKey key = 0;
  for (size_t at = 0; at + 64 <= tokens.size(); at += 64) {
    pages.push_back(cache.Allocate());
    key = cache.Publish(pages.back(), key, std::span(tokens).subspan(at, 64));
  }
  return pages;
}

TEST(PagedCache, GivesEveryPageOnceAndThenNone) {
  PagedCache cache = SmallCache(3);
  EXPECT_NE(cache.Allocate(), cache.Allocate());
  EXPECT_EQ(cache.available(), 1);
  EXPECT_GE(cache.Allocate(), 0);
  EXPECT_EQ(cache.Allocate(), -1);
}

TEST(PagedCache, FindsTheLongestSharedPrefixInWholePages) {
  PagedCache cache = SmallCache(8);
  const auto pages = Fill(cache, Tokens(200));
  ASSERT_EQ(pages.size(), 3u);
  std::vector<int32_t> other = Tokens(200);
  other[130] = -7;  // differs in the third page
  const PrefixMatch match = cache.Match(other);
  EXPECT_EQ(match.pages, (std::vector<int32_t>{pages[0], pages[1]}));
  EXPECT_TRUE(cache.Match(Tokens(63)).pages.empty());
}

TEST(PagedCache, TheSameTokensAfterAnotherPrefixAreAnotherPage) {
  PagedCache cache = SmallCache(8);
  Fill(cache, Tokens(128));
  std::vector<int32_t> moved = Tokens(64, 64);  // the second page's tokens at the start
  EXPECT_TRUE(cache.Match(moved).pages.empty());
}

TEST(PagedCache, ReleasedPagesStayFindableUntilTheirRoomIsNeeded) {
  PagedCache cache = SmallCache(2);
  for (const int32_t page : Fill(cache, Tokens(64))) cache.Release(page);
  EXPECT_EQ(cache.available(), 2);
  PrefixMatch match = cache.Match(Tokens(64));
  ASSERT_EQ(match.pages.size(), 1u);
  cache.Release(match.pages[0]);
  EXPECT_GE(cache.Allocate(), 0);
  EXPECT_GE(cache.Allocate(), 0);  // takes the room of the cached page
  EXPECT_TRUE(cache.Match(Tokens(64)).pages.empty());
}

TEST(PagedCache, TheLongestUnusedPageMakesRoomFirst) {
  PagedCache cache = SmallCache(2);
  for (const int32_t page : Fill(cache, Tokens(64))) cache.Release(page);
  for (const int32_t page : Fill(cache, Tokens(64, 1000))) cache.Release(page);
  for (const int32_t page : cache.Match(Tokens(64)).pages) cache.Release(page);  // used again
  EXPECT_GE(cache.Allocate(), 0);
  EXPECT_EQ(cache.Match(Tokens(64)).pages.size(), 1u);
  EXPECT_TRUE(cache.Match(Tokens(64, 1000)).pages.empty());
}

TEST(PagedCache, TwoSequencesThatComputeTheSamePageShareItsKey) {
  PagedCache cache = SmallCache(4);
  const auto tokens = Tokens(64);
  const PrefixKey a = cache.Publish(cache.Allocate(), 0, tokens);
  const int32_t twin = cache.Allocate();
  EXPECT_EQ(cache.Publish(twin, 0, tokens), a);
  cache.Release(twin);  // private: free at once
  EXPECT_EQ(cache.available(), 3);
}

TEST(PagedCache, ReleasingTwiceIsAnError) {
  PagedCache cache = SmallCache(1);
  const int32_t page = cache.Allocate();
  cache.Release(page);
  EXPECT_THROW(cache.Release(page), Error);
}

TEST(PagedCache, ImpossibleSizesAreErrors) {
  EXPECT_THROW(SmallCache(0), Error);
  EXPECT_THROW(PagedCache({{.dtype = DType::kF32, .kv_heads = 1 << 20, .key_dim = 1 << 20, .value_dim = 1}},
                          {.pages = (int64_t{1} << 31) - 1}),
               Error);
}

}  // namespace
}  // namespace tessera::infer
