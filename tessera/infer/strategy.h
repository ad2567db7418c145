#pragma once
// How a sequence goes on: a strategy guesses a tree of next tokens, the engine runs the model over the whole tree in
// one pass, and sampling walks down the tree as far as it drew what was guessed. The answer is the same for every
// strategy, token for token: a guess only decides how many tokens one pass can confirm.
//
//          root (drawn, not yet run)          nodes:   0     1     2     3
//         /    \                              tokens:  root  a     b     c
//        a      b          c follows a        parents: -1    0     0     1

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace tessera::infer {

struct TokenTree {
  std::vector<int32_t> tokens;   // node 0 is the newest token of the history
  std::vector<int32_t> parents;  // of each node, smaller than its own index; -1 for node 0
};

// Whether each node continues the one before it: no branches.
bool IsRun(const TokenTree& tree);
// Throws Error unless the tree has 1 to `max_nodes` nodes and each but node 0 continues an earlier one.
void CheckTree(const TokenTree& tree, int64_t max_nodes);

class Strategy {
 public:
  virtual ~Strategy() = default;
  // Guesses what follows `history` (prompt and answer so far). Node 0 is history.back(); at most `max_nodes` nodes.
  virtual TokenTree Propose(std::span<const int32_t> history, int64_t max_nodes) = 0;
  // Told after each pass how many guesses were confirmed (0 … nodes - 1). `guessed` is the tree's nodes without the
  // root.
  virtual void Observe(int64_t guessed, int64_t confirmed) = 0;
};

// One token a pass.
class PlainDecoding : public Strategy {
 public:
  TokenTree Propose(std::span<const int32_t> history, int64_t max_nodes) override;
  void Observe(int64_t, int64_t) override {}
};

// Guesses that the text repeats itself: finds the latest earlier place where the last `ngram` tokens stood, and
// proposes what followed there (Saxena 2023, "prompt lookup decoding"). Tries shorter n-grams down to `min_ngram`.
class PromptLookupDecoding : public Strategy {
 public:
  struct Options {
    int64_t max_guesses = 8;
    int64_t ngram = 3;
    int64_t min_ngram = 2;
  };
  explicit PromptLookupDecoding(const Options& options);
  TokenTree Propose(std::span<const int32_t> history, int64_t max_nodes) override;
  // A run of wrong guesses halves the next guess's length, a fully right one doubles it, within 1 … max_guesses.
  void Observe(int64_t guessed, int64_t confirmed) override;

 private:
  Options options_;
  int64_t length_;
};

// "plain" or "lookup"; throws Error that lists the names otherwise.
std::unique_ptr<Strategy> MakeStrategy(const std::string& name);

}  // namespace tessera::infer
