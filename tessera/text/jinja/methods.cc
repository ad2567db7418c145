#include "tessera/text/jinja/methods.h"

#include <cmath>

#include "tessera/core/error.h"
#include "tessera/text/jinja/access.h"
#include "tessera/text/jinja/compare.h"
#include "tessera/text/jinja/objects.h"

namespace tessera::text::jinja {
namespace {

Value DictGet(Runtime&, const Value& self, const Arguments& arguments) {
  const Parameters parameters("get", arguments, {"key", "default"}, 1);
  Runtime::RequireHashable(parameters[0]);
  const Value* found = self.dict()->Find(parameters[0]);
  return found != nullptr ? *found : parameters.Or(1, {});
}

Value DictItems(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("items", arguments, {});
  return runtime.Make<DictView>(runtime, self, DictView::Part::kItems);
}

Value DictKeys(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("keys", arguments, {});
  return runtime.Make<DictView>(runtime, self, DictView::Part::kKeys);
}

Value DictValues(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("values", arguments, {});
  return runtime.Make<DictView>(runtime, self, DictView::Part::kValues);
}

Value Copy(Runtime&, const Value& self, const Arguments& arguments) {
  const Parameters parameters("copy", arguments, {});
  return self;
}

Value ListCount(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("count", arguments, {"value"}, 1);
  int count = 0;
  for (const Value& item : self.list()->items) count += Equal(runtime, item, parameters[0]) ? 1 : 0;
  return count;
}

Value ListIndex(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("index", arguments, {"value", "start", "stop"}, 1);
  const Values& items = self.list()->items;
  const Int size = static_cast<Int>(items.size());
  const auto clamp = [&](Int i) { return std::min(std::max(i < 0 ? i + size : i, Int{0}), size); };
  const Int stop = clamp(parameters.Count(2, size));
  for (Int i = clamp(parameters.Count(1, 0)); i < stop; ++i)
    if (Equal(runtime, items[static_cast<size_t>(i)], parameters[0])) return i;
  Fail("the value is not in the {}", self.type_name());
}

Value IsInteger(Runtime&, const Value& self, const Arguments& arguments) {
  const Parameters parameters("is_integer", arguments, {});
  return std::isfinite(self.floating()) && std::floor(self.floating()) == self.floating();
}

Value BitLength(Runtime&, const Value& self, const Arguments& arguments) {
  const Parameters parameters("bit_length", arguments, {});
  int bits = 0;
  for (Int rest = self.integer(); rest != 0; rest /= 2) ++bits;
  return bits;
}

constexpr NamedFunction kDictMethods[] = {
    {"get", DictGet}, {"items", DictItems}, {"keys", DictKeys}, {"values", DictValues}, {"copy", Copy}};
constexpr NamedFunction kListMethods[] = {{"count", ListCount}, {"index", ListIndex}, {"copy", Copy}};
constexpr NamedFunction kTupleMethods[] = {{"count", ListCount}, {"index", ListIndex}};
constexpr NamedFunction kFloatMethods[] = {{"is_integer", IsInteger}};
constexpr NamedFunction kIntMethods[] = {{"bit_length", BitLength}};

// The numbers that every number of Python has as attributes.
std::optional<Value> NumberAttribute(const Value& value, std::string_view name) {
  if (name == "real") return value.is_float() ? value : Value(value.integer());
  if (name == "imag") return value.is_float() ? Value(0.0) : Value(0);
  if (name == "numerator" && value.is_integer()) return Value(value.integer());
  if (name == "denominator" && value.is_integer()) return Value(1);
  return std::nullopt;
}

}  // namespace

std::optional<NativeFunction> FindContainerMethod(const Value& value, std::string_view name) {
  if (value.dict() != nullptr) return FindIn(kDictMethods, name);
  if (value.list() != nullptr) return value.is_tuple() ? FindIn(kTupleMethods, name) : FindIn(kListMethods, name);
  if (value.is_float()) return FindIn(kFloatMethods, name);
  return value.is_integer() ? FindIn(kIntMethods, name) : std::nullopt;
}

std::optional<Value> FindMethod(Runtime& runtime, const Value& value, std::string_view name) {
  std::optional<NativeFunction> function;
  if (value.is_string()) {
    function = FindStringMethod(name);
    if (!function) function = FindStringSplitMethod(name);
    if (!function) function = FindStringPredicate(name);
  } else {
    if (value.is_number())
      if (auto number = NumberAttribute(value, name)) return number;
    function = FindContainerMethod(value, name);
  }
  if (!function) return std::nullopt;
  return runtime.Make<Native>(name, *function, value);
}

}  // namespace tessera::text::jinja
