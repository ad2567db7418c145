#include "tessera/text/jinja/number_format.h"

#include <fmt/format.h>

#include <cmath>

#include "tessera/core/error.h"
#include "tessera/text/jinja/lines.h"
#include "tessera/text/jinja/print.h"
#include "tessera/text/jinja/unicode.h"

namespace tessera::text::jinja {
namespace {

constexpr int kMaxPrecision = 1000;

bool IsAlign(char c) { return c == '<' || c == '>' || c == '^' || c == '='; }

Int ReadDigits(std::string_view text, size_t& at) {
  Int value = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    value = value * 10 + (text[at] - '0');
    Require(value <= Int{1} << 40, "Too many decimal digits in format string");
  }
  return value;
}

std::string GroupDigits(std::string digits, char separator, size_t each) {
  for (size_t at = digits.size(); at > each;) {
    at -= each;
    digits.insert(at, 1, separator);
  }
  return digits;
}

// Sign and prefix apart from the digits, so that zeros can go between.
std::string Assemble(Runtime& runtime, std::string head, std::string digits, std::string tail, const FormatSpec& spec) {
  if (spec.grouping != '\0')
    digits =
        GroupDigits(std::move(digits), spec.grouping,
                    std::string_view("boxX").find(spec.type) != std::string_view::npos && spec.type != '\0' ? 4 : 3);
  const std::string body = digits + tail;
  if (spec.align == '=') {
    const auto head_width = static_cast<Int>(head.size());
    return head + PadText(runtime, body, {spec.width - head_width, spec.fill, Padding::kRight});
  }
  const Padding padding = spec.align == '<' ? Padding::kLeft : spec.align == '^' ? Padding::kCenter : Padding::kRight;
  if (padding != Padding::kCenter) return PadText(runtime, head + body, {spec.width, spec.fill, padding});
  const Int missing = spec.width - static_cast<Int>(CountCodePoints(head + body));
  const Int left = missing > 0 ? missing / 2 : 0;
  const std::string half =
      PadText(runtime, head + body, {spec.width - (missing > 0 ? missing - left : 0), spec.fill, Padding::kRight});
  return PadText(runtime, half, {spec.width, spec.fill, Padding::kLeft});
}

std::string SignText(bool negative, char sign) {
  if (negative) return "-";
  return sign == '-' ? "" : std::string(1, sign);
}

std::string FormatInteger(Runtime& runtime, Int value, const FormatSpec& spec) {
  Require(!spec.precision, "Precision not allowed in integer format specifier");
  if (spec.type == 'c') {
    Require(value >= 0 && value <= 0x10FFFF && (value < 0xD800 || value > 0xDFFF), "%c arg not in range(0x110000)");
    std::string text;
    AppendCodePoint(text, static_cast<char32_t>(value));
    return Assemble(runtime, "", text, "", spec);
  }
  __extension__ typedef unsigned __int128 Unsigned;
  const Unsigned magnitude = value < 0 ? ~static_cast<Unsigned>(value) + 1 : static_cast<Unsigned>(value);
  std::string digits, prefix;
  switch (spec.type) {
    case 'b':
      digits = fmt::format("{:b}", magnitude), prefix = "0b";
      break;
    case 'o':
      digits = fmt::format("{:o}", magnitude), prefix = "0o";
      break;
    case 'x':
      digits = fmt::format("{:x}", magnitude), prefix = "0x";
      break;
    case 'X':
      digits = fmt::format("{:X}", magnitude), prefix = "0X";
      break;
    default:
      digits = fmt::format("{}", magnitude);
  }
  return Assemble(runtime, SignText(value < 0, spec.sign) + (spec.alternate ? prefix : ""), digits, "", spec);
}

std::string FloatDigits(double magnitude, const FormatSpec& spec) {
  const int precision = spec.precision.value_or(6);
  Require(precision <= kMaxPrecision, "precision too big");
  const bool alternate = spec.alternate;
  switch (spec.type) {
    case 'e':
      return alternate ? fmt::format("{:#.{}e}", magnitude, precision) : fmt::format("{:.{}e}", magnitude, precision);
    case 'E':
      return alternate ? fmt::format("{:#.{}E}", magnitude, precision) : fmt::format("{:.{}E}", magnitude, precision);
    case 'f':
      return alternate ? fmt::format("{:#.{}f}", magnitude, precision) : fmt::format("{:.{}f}", magnitude, precision);
    case 'F':
      return alternate ? fmt::format("{:#.{}F}", magnitude, precision) : fmt::format("{:.{}F}", magnitude, precision);
    case 'g':
      return alternate ? fmt::format("{:#.{}g}", magnitude, precision) : fmt::format("{:.{}g}", magnitude, precision);
    case 'G':
      return alternate ? fmt::format("{:#.{}G}", magnitude, precision) : fmt::format("{:.{}G}", magnitude, precision);
    case '%':
      return fmt::format("{:.{}f}%", magnitude * 100, precision);
    default:
      break;
  }
  if (!spec.precision) return FloatText(magnitude);
  std::string text = fmt::format("{:.{}g}", magnitude, precision);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

std::string FormatFloat(Runtime& runtime, double value, const FormatSpec& spec) {
  const bool negative = std::signbit(value) && !std::isnan(value);
  std::string digits = FloatDigits(negative ? -value : value, spec);
  const size_t whole = digits.find_first_not_of("0123456789");
  const std::string tail = whole == std::string::npos ? "" : digits.substr(whole);
  return Assemble(runtime, SignText(negative, spec.sign), digits.substr(0, whole), tail, spec);
}

}  // namespace

FormatSpec ParseFormatSpec(std::string_view text) {
  FormatSpec spec;
  size_t at = 0, second = 0;
  if (!text.empty()) NextCodePoint(text, second);
  if (second < text.size() && IsAlign(text[second])) {
    spec.fill = std::string(text.substr(0, second));
    spec.align = text[second];
    at = second + 1;
  } else if (!text.empty() && IsAlign(text[0])) {
    spec.align = text[at++];
  }
  if (at < text.size() && (text[at] == '+' || text[at] == '-' || text[at] == ' ')) spec.sign = text[at++];
  if (at < text.size() && text[at] == '#') spec.alternate = true, ++at;
  if (at < text.size() && text[at] == '0') {
    if (spec.align == '\0') spec.align = '=', spec.fill = "0";
    ++at;
  }
  spec.width = ReadDigits(text, at);
  if (at < text.size() && (text[at] == ',' || text[at] == '_')) spec.grouping = text[at++];
  if (at < text.size() && text[at] == '.') {
    const size_t begin = ++at;
    const Int precision = ReadDigits(text, at);
    Require(at > begin, "Format specifier missing precision");
    Require(precision <= Int{1} << 30, "precision too big");
    spec.precision = static_cast<int>(precision);
  }
  if (at < text.size()) spec.type = text[at++];
  Require(at == text.size(), "Invalid format specifier '{}'", text.substr(0, 100));
  return spec;
}

std::string FormatValue(Runtime& runtime, const Value& value, const FormatSpec& spec) {
  constexpr std::string_view kIntegerTypes = "bcdoxXn", kFloatTypes = "eEfFgG%";
  const bool integer_type = spec.type != '\0' && kIntegerTypes.find(spec.type) != std::string_view::npos;
  const bool float_type = spec.type != '\0' && kFloatTypes.find(spec.type) != std::string_view::npos;
  if (value.is_number() && (value.is_float() || float_type) && !integer_type && spec.type != 's')
    return FormatFloat(runtime, value.floating(), spec);
  if (value.is_integer() && (spec.type == '\0' || integer_type)) return FormatInteger(runtime, value.integer(), spec);
  Require(spec.type == '\0' || (spec.type == 's' && !value.is_number()),
          "Unknown format code '{}' for object of type '{}'", spec.type, value.type_name());
  Require(spec.align != '=' || spec.fill == "0", "'=' alignment not allowed in string format specifier");
  std::string text = Str(runtime, value);
  if (spec.precision) text.resize(ByteOffset(text, static_cast<size_t>(*spec.precision)));
  FormatSpec plain = spec;
  plain.grouping = '\0';
  if (plain.align == '\0' || plain.align == '=') plain.align = '<';
  return Assemble(runtime, "", text, "", plain);
}

}  // namespace tessera::text::jinja
