#pragma once
// Python's comparisons and membership.

#include "tessera/text/jinja/runtime.h"

namespace tessera::text::jinja {

bool Truth(Runtime& runtime, const Value& value);
bool Equal(Runtime& runtime, const Value& a, const Value& b);
bool Same(const Value& a, const Value& b);  // Python's `is`, as far as immutable values can tell

// a < b. Throws Error for values without an order, as Python does.
bool Less(Runtime& runtime, const Value& a, const Value& b);

enum class Order { kLess, kLessEqual, kGreater, kGreaterEqual };
bool Ordered(Runtime& runtime, Order order, const Value& a, const Value& b);

// item in container
bool Contains(Runtime& runtime, const Value& container, const Value& item);

// Throws the Error of an undefined value that is used.
[[noreturn]] void FailUndefined(const Value& value);
void RequireDefined(const Value& value);

}  // namespace tessera::text::jinja
