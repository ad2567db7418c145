#include "tessera/text/jinja/compare.h"

#include "tessera/core/error.h"
#include "tessera/text/jinja/access.h"
#include "tessera/text/jinja/unicode.h"

namespace tessera::text::jinja {
namespace {

bool EqualLists(Runtime& runtime, const ListBody& a, const ListBody& b) {
  if (a.tuple != b.tuple || a.items.size() != b.items.size()) return false;
  for (size_t i = 0; i < a.items.size(); ++i)
    if (!Equal(runtime, a.items[i], b.items[i])) return false;
  return true;
}

bool EqualDicts(Runtime& runtime, const DictBody& a, const DictBody& b) {
  if (a.entries.size() != b.entries.size()) return false;
  for (const auto& [key, value] : a.entries) {
    const Value* other = b.Find(key);
    if (other == nullptr || !Equal(runtime, value, *other)) return false;
  }
  return true;
}

// Below 0, 0 or above 0; only for values that have an order.
template <typename T>
int Sign(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

bool HoldsBetween(Order order, int sign) {
  switch (order) {
    case Order::kLess:
      return sign < 0;
    case Order::kLessEqual:
      return sign <= 0;
    case Order::kGreater:
      return sign > 0;
    case Order::kGreaterEqual:
      return sign >= 0;
  }
  return false;
}

bool HoldsBetweenFloats(Order order, double a, double b) {
  switch (order) {
    case Order::kLess:
      return a < b;
    case Order::kLessEqual:
      return a <= b;
    case Order::kGreater:
      return a > b;
    case Order::kGreaterEqual:
      return a >= b;
  }
  return false;
}

constexpr std::string_view kOrderSigns[] = {"<", "<=", ">", ">="};

}  // namespace

void FailUndefined(const Value& value) { throw Error(value.undefined()->message); }

void RequireDefined(const Value& value) {
  if (value.is_undefined()) FailUndefined(value);
}

bool Truth(Runtime& runtime, const Value& value) {
  if (value.is_bool()) return value.boolean();
  if (value.is_none() || value.is_undefined()) return false;
  if (value.is_integer()) return value.integer() != 0;
  if (value.is_float()) return value.floating() != 0;
  if (value.is_string()) return !value.text().empty();
  if (value.list() != nullptr) return !value.list()->items.empty();
  if (value.dict() != nullptr) return !value.dict()->entries.empty();
  const auto length = value.object()->Length(runtime);
  return length ? *length != 0 : value.object()->truth();
}

bool Same(const Value& a, const Value& b) {
  if (a.type_name() != b.type_name()) return false;
  if (a.is_none()) return true;
  if (a.is_integer()) return a.integer() == b.integer();
  if (a.is_float()) return a.floating() == b.floating();
  if (a.is_string()) return a.text() == b.text();
  return a.identity() == b.identity();
}

bool Equal(Runtime& runtime, const Value& a, const Value& b) {
  runtime.budget().Step();
  if (a.is_number() && b.is_number())
    return a.is_integer() && b.is_integer() ? a.integer() == b.integer() : a.floating() == b.floating();
  if (a.is_string() && b.is_string()) {
    runtime.budget().Step(a.text().size() / 4096);
    return a.text() == b.text();
  }
  if (a.is_none() || b.is_none()) return a.is_none() && b.is_none();
  if (a.is_undefined() && b.is_undefined()) return true;
  if (a.identity() == b.identity()) return a.identity() != nullptr;
  if (a.list() != nullptr && b.list() != nullptr) return EqualLists(runtime, *a.list(), *b.list());
  if (a.dict() != nullptr && b.dict() != nullptr) return EqualDicts(runtime, *a.dict(), *b.dict());
  return false;
}

bool Ordered(Runtime& runtime, Order order, const Value& a, const Value& b) {
  runtime.budget().Step();
  RequireDefined(a);
  RequireDefined(b);
  if (a.is_integer() && b.is_integer()) return HoldsBetween(order, Sign(a.integer(), b.integer()));
  if (a.is_number() && b.is_number()) return HoldsBetweenFloats(order, a.floating(), b.floating());
  if (a.is_string() && b.is_string()) return HoldsBetween(order, a.text().compare(b.text()));
  if (a.list() != nullptr && b.list() != nullptr && a.is_tuple() == b.is_tuple()) {
    const Values &x = a.list()->items, &y = b.list()->items;
    for (size_t i = 0; i < x.size() && i < y.size(); ++i)
      if (!Equal(runtime, x[i], y[i])) return Ordered(runtime, order, x[i], y[i]);
    return HoldsBetween(order, Sign(x.size(), y.size()));
  }
  Fail("'{}' not supported between instances of '{}' and '{}'", kOrderSigns[static_cast<int>(order)], a.type_name(),
       b.type_name());
}

bool Less(Runtime& runtime, const Value& a, const Value& b) { return Ordered(runtime, Order::kLess, a, b); }

bool Contains(Runtime& runtime, const Value& container, const Value& item) {
  if (container.is_string()) {
    RequireDefined(item);
    Require(item.is_string(), "'in <string>' requires string as left operand, not {}", item.type_name());
    runtime.budget().Step(container.text().size() / 1024);
    return FindText(container.text(), item.text()) != std::string_view::npos;
  }
  if (container.dict() != nullptr) {
    Runtime::RequireHashable(item);
    return container.dict()->Find(item) != nullptr;
  }
  if (container.is_none() || container.is_number())
    Fail("argument of type '{}' is not iterable", container.type_name());
  const auto iterator = Iterate(runtime, container);
  for (Value candidate; iterator->Next(candidate);)
    if (Equal(runtime, candidate, item)) return true;
  return false;
}

}  // namespace tessera::text::jinja
