#pragma once
// Regular expressions of tokenizer files, run by PCRE2 with its just-in-time compiler and with limits.
//
// The files are written for Oniguruma (tokenizer.json) or Rust's engines (tiktoken). Their meaning is kept: \s, \d and
// \w follow Unicode's properties, \p{Han} is the script itself, and [a&&[^b]] is the intersection of classes.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace tessera::text {

// `pattern` in PCRE2's syntax. Throws Error if a bracket or brace is not closed.
std::string TranslatePattern(std::string_view pattern);

class Regex {
 public:
  struct Match {
    size_t begin = 0, end = 0;
  };

  // Throws Error "where: …" with the place in the pattern if it cannot be compiled.
  Regex(std::string_view pattern, std::string_view where);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  // The working memory of searches, to be used by one thread at a time.
  class Search {
   public:
    explicit Search(const Regex& regex);
    ~Search();
    Search(const Search&) = delete;
    Search& operator=(const Search&) = delete;

    // The first match in `text`, which must be well-formed UTF-8, that begins at or after `from`.
    // Throws Error if the pattern takes too many steps.
    std::optional<Match> Next(std::string_view text, size_t from);

   private:
    struct State;
    const Regex& regex_;
    std::unique_ptr<State> state_;
  };

 private:
  struct Code;
  std::unique_ptr<Code> code_;
};

// A pattern that stands for itself, with every operator of the syntax escaped.
std::string EscapePattern(std::string_view literal);

}  // namespace tessera::text
