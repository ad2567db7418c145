#include "tessera/infer/strategy.h"

#include <algorithm>

#include "tessera/core/error.h"

namespace tessera::infer {

bool IsRun(const TokenTree& tree) {
  for (size_t i = 0; i < tree.parents.size(); ++i) {
    if (tree.parents[i] != static_cast<int32_t>(i) - 1) return false;
  }
  return true;
}

void CheckTree(const TokenTree& tree, int64_t max_nodes) {
  Require(!tree.tokens.empty() && tree.tokens.size() == tree.parents.size() && std::ssize(tree.tokens) <= max_nodes &&
              tree.parents[0] == -1,
          "strategy: a tree of {} tokens and {} parents, at most {} nodes are allowed and node 0 has no parent",
          tree.tokens.size(), tree.parents.size(), max_nodes);
  for (size_t i = 1; i < tree.parents.size(); ++i) {
    Require(tree.parents[i] >= 0 && tree.parents[i] < static_cast<int32_t>(i),
            "strategy: node {} continues node {}, which is not an earlier node", i, tree.parents[i]);
  }
}

TokenTree PlainDecoding::Propose(std::span<const int32_t> history, int64_t) {
  return {.tokens = {history.back()}, .parents = {-1}};
}

PromptLookupDecoding::PromptLookupDecoding(const Options& options) : options_(options), length_(options.max_guesses) {
  Require(options.max_guesses >= 1 && options.min_ngram >= 1 && options.min_ngram <= options.ngram,
          "prompt lookup: {} guesses, n-grams of {} to {} tokens: each must be at least 1 and in order",
          options.max_guesses, options.min_ngram, options.ngram);
}

TokenTree PromptLookupDecoding::Propose(std::span<const int32_t> history, int64_t max_nodes) {
  TokenTree tree{.tokens = {history.back()}, .parents = {-1}};
  const int64_t size = std::ssize(history);
  for (int64_t n = std::min(options_.ngram, size - 1); n >= options_.min_ngram; --n) {
    const auto suffix = history.last(static_cast<size_t>(n));
    // The latest place whose continuation begins before the suffix itself ends.
    for (int64_t at = size - n - 1; at >= 0; --at) {
      if (!std::ranges::equal(history.subspan(static_cast<size_t>(at), static_cast<size_t>(n)), suffix)) continue;
      const int64_t guesses = std::min({length_, max_nodes - 1, size - at - n});
      for (int64_t i = 0; i < guesses; ++i) {
        tree.tokens.push_back(history[static_cast<size_t>(at + n + i)]);
        tree.parents.push_back(static_cast<int32_t>(i));
      }
      return tree;
    }
  }
  return tree;
}

void PromptLookupDecoding::Observe(int64_t guessed, int64_t confirmed) {
  if (guessed == 0) return;
  if (confirmed == guessed)
    length_ = std::min(options_.max_guesses, length_ * 2);
  else if (confirmed == 0)
    length_ = std::max<int64_t>(1, length_ / 2);
}

std::unique_ptr<Strategy> MakeStrategy(const std::string& name) {
  if (name == "plain") return std::make_unique<PlainDecoding>();
  if (name == "lookup") return std::make_unique<PromptLookupDecoding>(PromptLookupDecoding::Options{});
  Fail("strategy: \"{}\" is not one of plain, lookup", name);
}

}  // namespace tessera::infer
