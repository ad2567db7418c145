#pragma once
// The one exception of the library, and the check that throws it.
//
//   Require(weight.dim(0) == hidden, "rms_norm: weight has {} values but the last axis of x is {}", ...);
//
// A message says where, what is wrong, what was got, and what to do. The library never prints and never ends the
// process: `cli` turns an Error into an exit code, `serve` into an HTTP answer.

#include <fmt/core.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace tessera {

class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}
};

// Throws Error with the formatted text.
template <typename... Args>
[[noreturn]] void Fail(fmt::format_string<Args...> text, Args&&... args) {
  throw Error(fmt::format(text, std::forward<Args>(args)...));
}

// Throws Error with the formatted text unless `condition` holds. Arguments are formatted only on failure.
template <typename... Args>
void Require(bool condition, fmt::format_string<Args...> text, Args&&... args) {
  if (!condition) [[unlikely]]
    throw Error(fmt::format(text, std::forward<Args>(args)...));
}

// Runs `body`; an Error that leaves it gets "where: " in front, so that a deep message names the file it came from.
template <typename Body>
decltype(auto) WithContext(std::string_view where, Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (const Error& error) {
    throw Error(fmt::format("{}: {}", where, error.what()));
  }
}

}  // namespace tessera
