// Tests: value is name(…).

#include "tessera/core/error.h"
#include "tessera/text/jinja/access.h"
#include "tessera/text/jinja/arithmetic.h"
#include "tessera/text/jinja/compare.h"
#include "tessera/text/jinja/filters.h"
#include "tessera/text/jinja/print.h"
#include "tessera/text/jinja/unicode.h"

namespace tessera::text::jinja {
namespace {

using Test = bool (*)(Runtime&, const Value&, const Value& argument);

struct NamedTest {
  std::string_view name;
  size_t arguments;
  Test test;
};

bool IsRemainder(Runtime& runtime, const Value& value, const Value& divisor, Int remainder) {
  return Equal(runtime, Calculate(runtime, Operation::kModulo, value, divisor), remainder);
}

bool HasCase(Runtime& runtime, const Value& value, bool upper) {
  bool cased = false;
  const std::string text = Str(runtime, value);
  for (size_t position = 0; position < text.size();) {
    const char32_t c = NextCodePoint(text, position);
    if (upper ? IsLower(c) : IsUpper(c)) return false;
    cased |= upper ? IsUpper(c) : IsLower(c);
  }
  return cased;
}

bool IsSequence(Runtime& runtime, const Value& v) {
  // Python asks for len() and a method __getitem__: dictionaries have both, views and undefined values lack one.
  return v.is_string() || v.list() != nullptr || v.dict() != nullptr || v.is_undefined() ||
         (v.object() != nullptr && v.object()->Length(runtime) && v.type_name() != "dict_keys" &&
          v.type_name() != "dict_values" && v.type_name() != "dict_items" && v.type_name() != "LoopContext");
}

constexpr NamedTest kTests[] = {
    {"defined", 0, [](Runtime&, const Value& v, const Value&) { return !v.is_undefined(); }},
    {"undefined", 0, [](Runtime&, const Value& v, const Value&) { return v.is_undefined(); }},
    {"none", 0, [](Runtime&, const Value& v, const Value&) { return v.is_none(); }},
    {"boolean", 0, [](Runtime&, const Value& v, const Value&) { return v.is_bool(); }},
    {"true", 0, [](Runtime&, const Value& v, const Value&) { return v.is_bool() && v.boolean(); }},
    {"false", 0, [](Runtime&, const Value& v, const Value&) { return v.is_bool() && !v.boolean(); }},
    {"integer", 0, [](Runtime&, const Value& v, const Value&) { return v.is_integer() && !v.is_bool(); }},
    {"float", 0, [](Runtime&, const Value& v, const Value&) { return v.is_float(); }},
    {"number", 0, [](Runtime&, const Value& v, const Value&) { return v.is_number(); }},
    {"string", 0, [](Runtime&, const Value& v, const Value&) { return v.is_string(); }},
    {"mapping", 0, [](Runtime&, const Value& v, const Value&) { return v.dict() != nullptr; }},
    {"iterable", 0, [](Runtime& r, const Value& v, const Value&) { return IsIterable(r, v); }},
    {"sequence", 0, [](Runtime& r, const Value& v, const Value&) { return IsSequence(r, v); }},
    {"callable", 0,
     [](Runtime&, const Value& v, const Value&) {
       return v.is_undefined() || (v.object() != nullptr && v.object()->callable());
     }},
    {"lower", 0, [](Runtime& r, const Value& v, const Value&) { return HasCase(r, v, false); }},
    {"upper", 0, [](Runtime& r, const Value& v, const Value&) { return HasCase(r, v, true); }},
    {"escaped", 0, [](Runtime&, const Value& v, const Value&) { return v.is_markup(); }},
    {"odd", 0, [](Runtime& r, const Value& v, const Value&) { return IsRemainder(r, v, 2, 1); }},
    {"even", 0, [](Runtime& r, const Value& v, const Value&) { return IsRemainder(r, v, 2, 0); }},
    {"divisibleby", 1, [](Runtime& r, const Value& v, const Value& a) { return IsRemainder(r, v, a, 0); }},
    {"sameas", 1, [](Runtime&, const Value& v, const Value& a) { return Same(v, a); }},
    {"in", 1, [](Runtime& r, const Value& v, const Value& a) { return Contains(r, a, v); }},
    {"filter", 0, [](Runtime&, const Value& v, const Value&) { return v.is_string() && IsFilterName(v.text()); }},
    {"test", 0, [](Runtime&, const Value& v, const Value&) { return v.is_string() && IsTestName(v.text()); }},
    {"eq", 1, [](Runtime& r, const Value& v, const Value& a) { return Equal(r, v, a); }},
    {"equalto", 1, [](Runtime& r, const Value& v, const Value& a) { return Equal(r, v, a); }},
    {"==", 1, [](Runtime& r, const Value& v, const Value& a) { return Equal(r, v, a); }},
    {"ne", 1, [](Runtime& r, const Value& v, const Value& a) { return !Equal(r, v, a); }},
    {"!=", 1, [](Runtime& r, const Value& v, const Value& a) { return !Equal(r, v, a); }},
    {"lt", 1, [](Runtime& r, const Value& v, const Value& a) { return Ordered(r, Order::kLess, v, a); }},
    {"lessthan", 1, [](Runtime& r, const Value& v, const Value& a) { return Ordered(r, Order::kLess, v, a); }},
    {"<", 1, [](Runtime& r, const Value& v, const Value& a) { return Ordered(r, Order::kLess, v, a); }},
    {"le", 1, [](Runtime& r, const Value& v, const Value& a) { return Ordered(r, Order::kLessEqual, v, a); }},
    {"<=", 1, [](Runtime& r, const Value& v, const Value& a) { return Ordered(r, Order::kLessEqual, v, a); }},
    {"gt", 1, [](Runtime& r, const Value& v, const Value& a) { return Ordered(r, Order::kGreater, v, a); }},
    {"greaterthan", 1, [](Runtime& r, const Value& v, const Value& a) { return Ordered(r, Order::kGreater, v, a); }},
    {">", 1, [](Runtime& r, const Value& v, const Value& a) { return Ordered(r, Order::kGreater, v, a); }},
    {"ge", 1, [](Runtime& r, const Value& v, const Value& a) { return Ordered(r, Order::kGreaterEqual, v, a); }},
    {">=", 1, [](Runtime& r, const Value& v, const Value& a) { return Ordered(r, Order::kGreaterEqual, v, a); }},
};

const NamedTest* FindTest(std::string_view name) {
  for (const NamedTest& entry : kTests)
    if (entry.name == name) return &entry;
  return nullptr;
}

}  // namespace

bool IsTestName(std::string_view name) { return FindTest(name) != nullptr; }

bool CallTest(Runtime& runtime, std::string_view name, const Value& input, const Arguments& arguments) {
  const NamedTest* found = FindTest(name);
  Require(found != nullptr, "No test named '{}'.", name);
  const size_t given = arguments.positional.size() + arguments.keyword.size();
  Require(given == found->arguments, "test '{}' takes {} arguments, got {}", name, found->arguments, given);
  runtime.budget().Step();
  const Value argument = given == 0                     ? Value()
                         : arguments.positional.empty() ? arguments.keyword[0].second
                                                        : arguments.positional[0];
  return found->test(runtime, input, argument);
}

}  // namespace tessera::text::jinja
