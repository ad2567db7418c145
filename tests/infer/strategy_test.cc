#include "tessera/infer/strategy.h"

#include <gtest/gtest.h>

#include "tessera/core/error.h"

namespace tessera::infer {
namespace {

using Ids = std::vector<int32_t>;

TEST(PlainDecoding, ProposesTheRootAlone) {
  const TokenTree tree = PlainDecoding().Propose(Ids{4, 5}, 16);
  EXPECT_EQ(tree.tokens, Ids{5});
  EXPECT_EQ(tree.parents, Ids{-1});
}

TEST(PromptLookup, ProposesWhatFollowedTheSameWords) {
  PromptLookupDecoding lookup({.max_guesses = 3});
  const TokenTree tree = lookup.Propose(Ids{1, 2, 3, 4, 5, 6, 7, 1, 2, 3}, 16);
  EXPECT_EQ(tree.tokens, (Ids{3, 4, 5, 6}));
  EXPECT_EQ(tree.parents, (Ids{-1, 0, 1, 2}));
}

TEST(PromptLookup, PrefersTheLongestThenTheLatestMatch) {
  PromptLookupDecoding lookup({.max_guesses = 1});
  EXPECT_EQ(lookup.Propose(Ids{1, 2, 3, 9, 2, 3, 8, 1, 2, 3}, 16).tokens, (Ids{3, 9}));  // three words beat two
  EXPECT_EQ(lookup.Propose(Ids{2, 3, 9, 2, 3, 8, 7, 2, 3}, 16).tokens, (Ids{3, 8}));     // the later of two
}

TEST(PromptLookup, NeverExceedsTheNodesItMayUse) {
  PromptLookupDecoding lookup({.max_guesses = 8});
  EXPECT_EQ(lookup.Propose(Ids{1, 2, 3, 4, 5, 6, 1, 2}, 3).tokens.size(), 3u);
  EXPECT_EQ(lookup.Propose(Ids{1, 2, 3, 4, 5, 6, 1, 2}, 1).tokens.size(), 1u);
}

TEST(PromptLookup, ARunThatOverlapsItselfIsFound) {
  PromptLookupDecoding lookup({.max_guesses = 4});
  EXPECT_EQ(lookup.Propose(Ids{7, 7, 7, 7}, 16).tokens, (Ids{7, 7}));
}

TEST(PromptLookup, ShortHistoriesAreFine) {
  PromptLookupDecoding lookup({});
  EXPECT_EQ(lookup.Propose(Ids{1}, 16).tokens, Ids{1});
  EXPECT_EQ(lookup.Propose(Ids{1, 1}, 16).tokens, Ids{1});
}

TEST(PromptLookup, WrongGuessesShortenTheNextOne) {
  PromptLookupDecoding lookup({.max_guesses = 4});
  const Ids history = {1, 2, 3, 4, 5, 6, 1, 2};
  lookup.Observe(4, 0);
  EXPECT_EQ(lookup.Propose(history, 16).tokens.size(), 3u);
  lookup.Observe(2, 2);
  EXPECT_EQ(lookup.Propose(history, 16).tokens.size(), 5u);
}

TEST(Strategy, AnUnknownNameListsTheKnownOnes) {
  EXPECT_NE(MakeStrategy("lookup"), nullptr);
  EXPECT_THROW(MakeStrategy("magic"), Error);
}

}  // namespace
}  // namespace tessera::infer
