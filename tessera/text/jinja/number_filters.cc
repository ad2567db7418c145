// Filters on numbers: int, float, abs, round, sum, filesizeformat.

#include <fmt/format.h>

#include <cmath>

#include "tessera/core/error.h"
#include "tessera/text/jinja/access.h"
#include "tessera/text/jinja/arithmetic.h"
#include "tessera/text/jinja/compare.h"
#include "tessera/text/jinja/filters.h"
#include "tessera/text/jinja/print.h"
#include "tessera/text/jinja/string_literal.h"

namespace tessera::text::jinja {
namespace {

constexpr double kIntegerEnd = 0x1p126;

std::optional<Int> TruncateFloat(double value) {
  if (!(std::abs(value) < kIntegerEnd)) return std::nullopt;
  return static_cast<Int>(value);
}

Value IntFilter(Runtime&, const Value& input, const Arguments& arguments) {
  const Parameters parameters("int", arguments, {"default", "base"});
  const Value otherwise = parameters.Or(0, 0);
  RequireDefined(input);
  if (input.is_integer()) return input.integer();
  if (input.is_float()) {
    const auto whole = TruncateFloat(input.floating());
    return whole ? Value(*whole) : otherwise;
  }
  if (!input.is_string()) return otherwise;
  try {
    // What is no base is still none when it fits an int.
    return ParseInteger(input.text(), static_cast<int>(std::clamp(parameters.Integer(1, 10), Int{-1}, Int{99})));
  } catch (const Error&) {
    try {
      const auto whole = TruncateFloat(ParseFloat(input.text()));
      return whole ? Value(*whole) : otherwise;
    } catch (const Error&) {
      return otherwise;
    }
  }
}

Value FloatFilter(Runtime&, const Value& input, const Arguments& arguments) {
  const Parameters parameters("float", arguments, {"default"});
  RequireDefined(input);
  if (input.is_number()) return input.floating();
  if (!input.is_string()) return parameters.Or(0, 0.0);
  try {
    return ParseFloat(input.text());
  } catch (const Error&) {
    return parameters.Or(0, 0.0);
  }
}

Value Abs(Runtime&, const Value& input, const Arguments&) {
  RequireDefined(input);
  if (input.is_float()) return std::abs(input.floating());
  Require(input.is_integer(), "bad operand type for abs(): '{}'", input.type_name());
  return input.integer() < 0 ? Negate(input) : Value(input.integer());
}

// To the nearest with `digits` decimals, ties to even, judged on the exact value as Python does.
double RoundFloat(double value, Int digits) {
  if (!std::isfinite(value) || digits > 330) return value;
  if (digits < -330) return std::copysign(0.0, value);
  if (digits >= 0) return ParseFloat(fmt::format("{:.{}f}", value, static_cast<int>(digits)));
  const double unit = std::pow(10.0, static_cast<double>(-digits));
  return std::nearbyint(value / unit) * unit;
}

Value Round(Runtime&, const Value& input, const Arguments& arguments) {
  const Parameters parameters("round", arguments, {"precision", "method"});
  RequireDefined(input);
  Require(input.is_number(), "type {} doesn't define __round__ method", input.type_name());
  const Int precision = parameters.Count(0, 0);
  const std::string_view method = parameters.Text(1, "common");
  Require(method == "common" || method == "ceil" || method == "floor", "method must be common, ceil or floor");
  if (method == "common") {
    if (input.is_integer() && precision >= 0) return input.integer();
    const double rounded = RoundFloat(input.floating(), precision);
    if (!input.is_integer()) return rounded;
    const auto whole = TruncateFloat(rounded);  // rounding up may leave what an integer holds
    Require(whole.has_value(), "an integer leaves 128 bits");
    return *whole;
  }
  const double unit = std::pow(10.0, static_cast<double>(precision));
  const double scaled = input.floating() * unit;
  return (method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / unit;
}

Value Sum(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters parameters("sum", arguments, {"attribute", "start"});
  const bool mapped = parameters.given(0) && !parameters[0].is_none();
  Value total = parameters.Or(1, 0);
  const auto iterator = Iterate(runtime, input);
  for (Value item; iterator->Next(item);) {
    runtime.budget().Step();
    if (mapped) item = LookUpPath(runtime, item, parameters[0]);
    total = Calculate(runtime, Operation::kAdd, total, item);
  }
  return total;
}

Value FileSizeFormat(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters parameters("filesizeformat", arguments, {"binary"});
  const bool binary = parameters.Flag(runtime, 0, false);
  const double bytes = FloatFilter(runtime, input, {}).floating();
  const double base = binary ? 1024 : 1000;
  if (bytes == 1) return runtime.String("1 Byte");
  if (bytes < base) return runtime.String(fmt::format("{:.0f} Bytes", std::trunc(bytes)));
  constexpr std::string_view kPrefixes = "kMGTPEZY";
  double unit = base;
  size_t i = 0;
  while (i + 1 < kPrefixes.size() && bytes >= unit * base) {
    unit *= base;
    ++i;
  }
  const std::string prefix = binary ? std::string(1, i == 0 ? 'K' : kPrefixes[i]) + "i" : std::string(1, kPrefixes[i]);
  return runtime.String(fmt::format("{:.1f} {}B", bytes / unit, prefix));
}

constexpr NamedFunction kFilters[] = {{"int", IntFilter}, {"float", FloatFilter}, {"abs", Abs},
                                      {"round", Round},   {"sum", Sum},           {"filesizeformat", FileSizeFormat}};

}  // namespace

std::optional<NativeFunction> FindNumberFilter(std::string_view name) {
  for (const NamedFunction& entry : kFilters)
    if (entry.name == name) return entry.function;
  return std::nullopt;
}

}  // namespace tessera::text::jinja
