#pragma once
// An environment variable that has another value, or none, for the length of a test.

#include <cstdlib>
#include <optional>
#include <string>

namespace tessera {

class ScopedVariable {
 public:
  ScopedVariable(const char* name, const std::optional<std::string>& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    Set(value);
  }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;
  ~ScopedVariable() { Set(old_); }

 private:
  const char* name_;
  std::optional<std::string> old_;
  void Set(const std::optional<std::string>& value) {
    if (value)
      setenv(name_, value->c_str(), 1);
    else
      unsetenv(name_);
  }
};

}  // namespace tessera
