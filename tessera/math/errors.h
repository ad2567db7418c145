#pragma once
// What can go wrong with a mathematical question. An answer that is not there and an answer that is not known are
// different things, and neither is the person's mistake, so the three are told apart.

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>

#include "tessera/core/error.h"

namespace tessera::math {

enum class Fault {
  kBadInput,   // the question cannot be meant: syntax, a probability of 3, a matrix that is not symmetric
  kNoAnswer,   // the question is fine and has no answer: ln(-1), the gradient of |x| at 0
  kUndecided,  // an answer may exist; at the precision or within the limits of this run it was not decided
};

class MathError : public Error {
 public:
  // `code` is a stable word for programs ("syntax", "domain"); `column` counts characters of the input from 1.
  MathError(Fault fault, std::string code, const std::string& message, std::optional<size_t> column = {})
      : Error(message), fault_(fault), code_(std::move(code)), column_(column) {}

  Fault fault() const { return fault_; }
  const std::string& code() const { return code_; }
  std::optional<size_t> column() const { return column_; }

 private:
  Fault fault_;
  std::string code_;
  std::optional<size_t> column_;
};

template <typename... Args>
[[noreturn]] void FailInput(const char* code, fmt::format_string<Args...> text, Args&&... args) {
  throw MathError(Fault::kBadInput, code, fmt::format(text, std::forward<Args>(args)...));
}

template <typename... Args>
[[noreturn]] void FailNoAnswer(const char* code, fmt::format_string<Args...> text, Args&&... args) {
  throw MathError(Fault::kNoAnswer, code, fmt::format(text, std::forward<Args>(args)...));
}

template <typename... Args>
[[noreturn]] void FailUndecided(fmt::format_string<Args...> text, Args&&... args) {
  throw MathError(Fault::kUndecided, "undecided", fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace tessera::math
