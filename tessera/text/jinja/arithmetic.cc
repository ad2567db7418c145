#include "tessera/text/jinja/arithmetic.h"

#include <cmath>

#include "tessera/core/error.h"
#include "tessera/text/jinja/compare.h"
#include "tessera/text/jinja/print.h"

namespace tessera::text::jinja {
namespace {

constexpr std::string_view kSigns[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};

[[noreturn]] void FailOverflow() { Fail("an integer leaves 128 bits"); }

double DivideFloats(Operation operation, double a, double b) {
  Require(b != 0, "{}", operation == Operation::kDivide ? "float division by zero" : "float modulo");
  if (operation == Operation::kDivide) return a / b;
  double remainder = std::fmod(a, b);
  double quotient = (a - remainder) / b;
  if (remainder != 0 && (b < 0) != (remainder < 0)) {
    remainder += b;
    quotient -= 1;
  }
  if (operation == Operation::kModulo) return remainder == 0 ? std::copysign(0.0, b) : remainder;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double floored = std::floor(quotient);
  return quotient - floored > 0.5 ? floored + 1 : floored;
}

Int DivideIntegers(Operation operation, Int a, Int b) {
  Require(b != 0, "integer division or modulo by zero");
  if (b == -1) {
    if (operation == Operation::kModulo) return 0;
    Int negative;
    if (__builtin_sub_overflow(Int{0}, a, &negative)) FailOverflow();
    return negative;
  }
  Int quotient = a / b, remainder = a % b;
  if (remainder != 0 && (remainder < 0) != (b < 0)) {
    remainder += b;
    --quotient;
  }
  return operation == Operation::kModulo ? remainder : quotient;
}

Value PowerOfFloats(double a, double b) {
  Require(a != 0 || b >= 0, "0.0 cannot be raised to a negative power");
  Require(a >= 0 || std::floor(b) == b || std::isinf(a) || std::isinf(b), "complex numbers are not supported");
  const double power = std::pow(a, b);
  Require(!std::isinf(power) || std::isinf(a) || std::isinf(b), "(34, 'Numerical result out of range')");
  return power;
}

Value PowerOfIntegers(Int base, Int exponent) {
  if (exponent < 0) return PowerOfFloats(static_cast<double>(base), static_cast<double>(exponent));
  if (base == 0 || base == 1) return exponent == 0 ? Int{1} : base;
  if (base == -1) return exponent % 2 == 0 ? Int{1} : Int{-1};
  Int result = 1;
  for (; exponent > 0; --exponent)  // at most 128 rounds until it overflows
    if (__builtin_mul_overflow(result, base, &result)) FailOverflow();
  return result;
}

Value CalculateFloats(Operation operation, double a, double b) {
  switch (operation) {
    case Operation::kAdd:
      return a + b;
    case Operation::kSubtract:
      return a - b;
    case Operation::kMultiply:
      return a * b;
    case Operation::kPower:
      return PowerOfFloats(a, b);
    default:
      return DivideFloats(operation, a, b);
  }
}

Value CalculateIntegers(Operation operation, Int a, Int b) {
  Int result = 0;
  bool overflow = false;
  switch (operation) {
    case Operation::kAdd:
      overflow = __builtin_add_overflow(a, b, &result);
      break;
    case Operation::kSubtract:
      overflow = __builtin_sub_overflow(a, b, &result);
      break;
    case Operation::kMultiply:
      overflow = __builtin_mul_overflow(a, b, &result);
      break;
    case Operation::kPower:
      return PowerOfIntegers(a, b);
    case Operation::kDivide:
      Require(b != 0, "division by zero");
      return static_cast<double>(a) / static_cast<double>(b);
    default:
      return DivideIntegers(operation, a, b);
  }
  if (overflow) FailOverflow();
  return result;
}

Value AddTexts(Runtime& runtime, const Value& a, const Value& b) {
  const bool markup = a.is_markup() || b.is_markup();
  const std::string left = markup && !a.is_markup() ? EscapeHtml(runtime, a.text()) : Str(runtime, a);
  const std::string right = markup && !b.is_markup() ? EscapeHtml(runtime, b.text()) : Str(runtime, b);
  runtime.budget().Expect(left.size() + right.size());
  return markup ? runtime.Markup(left + right) : runtime.String(left + right);
}

Value AddLists(Runtime& runtime, const Value& a, const Value& b) {
  runtime.budget().Expect((a.list()->items.size() + b.list()->items.size()) * sizeof(Value));
  Values items = a.list()->items;
  items.insert(items.end(), b.list()->items.begin(), b.list()->items.end());
  return a.is_tuple() ? runtime.Tuple(std::move(items)) : runtime.List(std::move(items));
}

size_t CheckedProduct(Runtime& runtime, size_t size, Int times, size_t bytes_each) {
  if (times <= 0 || size == 0) return 0;
  Int bytes;
  const bool overflow = __builtin_mul_overflow(static_cast<Int>(size * bytes_each), times, &bytes);
  const Int limit = static_cast<Int>(runtime.budget().limits().memory_bytes);
  runtime.budget().Expect(overflow || bytes > limit ? static_cast<size_t>(limit) + 1 : static_cast<size_t>(bytes));
  return static_cast<size_t>(times);
}

Value Repeat(Runtime& runtime, const Value& value, Int times) {
  if (value.is_string()) {
    const size_t count = CheckedProduct(runtime, value.text().size(), times, 1);
    std::string text;
    text.reserve(value.text().size() * count);
    for (size_t i = 0; i < count; ++i) text += value.text();
    return runtime.StringLike(value, std::move(text));
  }
  const Values& once = value.list()->items;
  const size_t count = CheckedProduct(runtime, once.size(), times, sizeof(Value));
  Values items;
  items.reserve(once.size() * count);
  for (size_t i = 0; i < count; ++i) items.insert(items.end(), once.begin(), once.end());
  return value.is_tuple() ? runtime.Tuple(std::move(items)) : runtime.List(std::move(items));
}

bool IsRepeatable(const Value& value) { return value.is_string() || value.list() != nullptr; }

}  // namespace

Value Calculate(Runtime& runtime, Operation operation, const Value& a, const Value& b) {
  RequireDefined(a);
  if (operation == Operation::kModulo && a.is_string()) return FormatPercent(runtime, a, b);
  RequireDefined(b);
  if (a.is_integer() && b.is_integer()) return CalculateIntegers(operation, a.integer(), b.integer());
  if (a.is_number() && b.is_number()) return CalculateFloats(operation, a.floating(), b.floating());
  if (operation == Operation::kMultiply && IsRepeatable(a) && b.is_integer()) return Repeat(runtime, a, b.integer());
  if (operation == Operation::kMultiply && IsRepeatable(b) && a.is_integer()) return Repeat(runtime, b, a.integer());
  if (operation == Operation::kAdd && a.is_string()) {
    Require(b.is_string(), "can only concatenate str (not \"{}\") to str", b.type_name());
    return AddTexts(runtime, a, b);
  }
  if (operation == Operation::kAdd && a.list() != nullptr) {
    Require(b.list() != nullptr && a.is_tuple() == b.is_tuple(), "can only concatenate {} (not \"{}\") to {}",
            a.type_name(), b.type_name(), a.type_name());
    return AddLists(runtime, a, b);
  }
  Fail("unsupported operand type(s) for {}: '{}' and '{}'", kSigns[static_cast<int>(operation)], a.type_name(),
       b.type_name());
}

Value Negate(const Value& value) {
  RequireDefined(value);
  if (value.is_float()) return -value.floating();
  Require(value.is_integer(), "bad operand type for unary -: '{}'", value.type_name());
  return CalculateIntegers(Operation::kSubtract, 0, value.integer());
}

Value Plus(const Value& value) {
  RequireDefined(value);
  if (value.is_float()) return value;
  Require(value.is_integer(), "bad operand type for unary +: '{}'", value.type_name());
  return value.integer();
}

std::string EscapeHtml(Runtime& runtime, std::string_view text) {
  TextBuilder out(runtime.budget());
  for (const char c : text) {
    switch (c) {
      case '&':
        out.Append("&amp;");
        break;
      case '<':
        out.Append("&lt;");
        break;
      case '>':
        out.Append("&gt;");
        break;
      case '"':
        out.Append("&#34;");
        break;
      case '\'':
        out.Append("&#39;");
        break;
      default:
        out.Append(1, c);
    }
  }
  return out.Finish();
}

}  // namespace tessera::text::jinja
