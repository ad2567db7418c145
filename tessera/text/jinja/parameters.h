#pragma once
// The arguments of one call, matched with the names of a function's parameters.

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/text/jinja/runtime.h"

namespace tessera::text::jinja {

// At most 2^62 from zero, which is as good as endless for anything that is counted, and leaves room to calculate.
inline Int ClampCount(Int value) {
  constexpr Int kEndless = Int{1} << 62;
  return std::clamp(value, -kEndless, kEndless);
}

class Parameters {
 public:
  // Throws Error for too many arguments, for unknown or doubled names, and if one of the first `required` is missing.
  Parameters(std::string_view function, const Arguments& arguments, std::initializer_list<std::string_view> names,
             size_t required = 0);

  bool given(size_t i) const { return values_[i] != nullptr; }
  const Value& operator[](size_t i) const { return *values_[i]; }  // needs given(i)

  Value Or(size_t i, Value otherwise) const { return given(i) ? (*this)[i] : std::move(otherwise); }
  bool Flag(Runtime& runtime, size_t i, bool otherwise) const;
  Int Integer(size_t i, Int otherwise) const;  // throws Error if it is no integer
  // The same for a size, a place or a number of times: see ClampCount.
  Int Count(size_t i, Int otherwise) const { return ClampCount(Integer(i, otherwise)); }
  std::string_view Text(size_t i, std::string_view otherwise) const;  // throws Error if it is no string

 private:
  std::string_view function_;
  std::vector<const Value*> values_;
};

// A callable that C++ implements: a method bound to its object, or a global function.
using NativeFunction = Value (*)(Runtime& runtime, const Value& self, const Arguments& arguments);

class Native : public Object {
 public:
  Native(std::string_view name, NativeFunction function, Value self)
      : name_(name), function_(function), self_(std::move(self)) {}
  std::string_view type_name() const override { return "builtin_function_or_method"; }
  int depth() const override { return self_.depth() + 1; }
  bool callable() const override { return true; }
  std::string Repr(Runtime&) const override;
  Value Call(Runtime& runtime, const Arguments& arguments) override { return function_(runtime, self_, arguments); }

 private:
  std::string name_;
  NativeFunction function_;
  Value self_;
};

struct NamedFunction {
  std::string_view name;
  NativeFunction function;
};

}  // namespace tessera::text::jinja
