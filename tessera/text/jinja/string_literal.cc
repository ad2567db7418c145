#include "tessera/text/jinja/string_literal.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "tessera/core/error.h"
#include "tessera/text/jinja/unicode.h"

namespace tessera::text::jinja {
namespace {

int DigitValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'z') return c - 'a' + 10;
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  return 99;
}

char32_t HexEscape(std::string_view body, size_t& i, size_t digits) {
  char32_t c = 0;
  Require(i + digits < body.size(), "an escape \\{} needs {} hexadecimal digits", body[i], digits);
  for (size_t k = 1; k <= digits; ++k) {
    const int digit = DigitValue(body[i + k]);
    Require(digit < 16, "an escape \\{} needs {} hexadecimal digits", body[i], digits);
    c = c * 16 + static_cast<char32_t>(digit);
  }
  Require(c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF), "the escape \\{} names no character", body[i]);
  i += digits;
  return c;
}

char32_t OctalEscape(std::string_view body, size_t& i) {
  char32_t c = 0;
  size_t end = i;
  for (; end < body.size() && end < i + 3 && DigitValue(body[end]) < 8; ++end)
    c = c * 8 + static_cast<char32_t>(DigitValue(body[end]));
  i = end - 1;
  return c;
}

// Digits of `base` with single underscores between them; stops at the first other character.
size_t CountDigits(std::string_view text, int base) {
  size_t count = 0;
  while (count < text.size()) {
    const bool separated = text[count] == '_' && count > 0;
    const size_t digit = count + (separated ? 1 : 0);
    if (digit >= text.size() || DigitValue(text[digit]) >= base) break;
    count = digit + 1;
  }
  return count;
}

bool AccumulateDigits(std::string_view digits, int base, Int& value) {
  value = 0;
  for (const char c : digits) {
    if (c == '_') continue;
    if (__builtin_mul_overflow(value, Int{base}, &value) || __builtin_add_overflow(value, Int{DigitValue(c)}, &value))
      return false;
  }
  return true;
}

std::string WithoutUnderscores(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (c != '_') out.push_back(c);
  return out;
}

// Length of the float literal at the begin of `text`: digits with a fraction, an exponent, or both; else 0.
size_t FloatLength(std::string_view text) {
  const size_t whole = CountDigits(text, 10);
  size_t end = whole;
  if (end + 1 < text.size() && text[end] == '.')
    if (const size_t fraction = CountDigits(text.substr(end + 1), 10)) end += 1 + fraction;
  if (end < text.size() && (text[end] == 'e' || text[end] == 'E')) {
    size_t exponent = end + 1;
    if (exponent < text.size() && (text[exponent] == '+' || text[exponent] == '-')) ++exponent;
    if (const size_t digits = CountDigits(text.substr(std::min(exponent, text.size())), 10)) end = exponent + digits;
  }
  return end == whole ? 0 : end;
}

double ToDouble(const std::string& digits) {
  double value = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (result.ec == std::errc::result_out_of_range) {
    const bool tiny = digits.find("e-") != std::string::npos || digits.find("E-") != std::string::npos;
    value = tiny ? 0 : std::numeric_limits<double>::infinity();
    return digits.starts_with('-') ? -value : value;
  }
  return value;
}

}  // namespace

std::string UnescapeString(std::string_view body) {
  std::string out;
  out.reserve(body.size());
  for (size_t i = 0; i < body.size(); ++i) {
    if (body[i] != '\\' || i + 1 == body.size()) {
      out.push_back(body[i]);
      continue;
    }
    switch (const char c = body[++i]) {
      case '\n':
        break;
      case '\\':
      case '\'':
      case '"':
        out.push_back(c);
        break;
      case 'a':
        out.push_back('\a');
        break;
      case 'b':
        out.push_back('\b');
        break;
      case 'f':
        out.push_back('\f');
        break;
      case 'n':
        out.push_back('\n');
        break;
      case 'r':
        out.push_back('\r');
        break;
      case 't':
        out.push_back('\t');
        break;
      case 'v':
        out.push_back('\v');
        break;
      case 'x':
        AppendCodePoint(out, HexEscape(body, i, 2));
        break;
      case 'u':
        AppendCodePoint(out, HexEscape(body, i, 4));
        break;
      case 'U':
        AppendCodePoint(out, HexEscape(body, i, 8));
        break;
      case 'N':
        Fail("escapes by name (\\N) are not supported, write \\u with the number");
      default:
        if (c >= '0' && c <= '7') {
          AppendCodePoint(out, OctalEscape(body, i));
        } else {
          out.push_back('\\');
          out.push_back(c);
        }
    }
  }
  return out;
}

NumberLiteral ReadNumber(std::string_view text, bool may_be_float) {
  if (may_be_float)
    if (const size_t size = FloatLength(text)) return {ToDouble(WithoutUnderscores(text.substr(0, size))), size};
  int base = 10;
  size_t begin = 0;
  if (text.size() > 2 && text[0] == '0') {
    const char mark = static_cast<char>(text[1] | 0x20);
    base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
    if (base != 10) begin = text[2] == '_' ? 3 : 2;
    if (base != 10 && CountDigits(text.substr(begin), base) == 0) base = 10, begin = 0;
  }
  size_t size = CountDigits(text.substr(begin), base);
  if (base == 10 && text[0] == '0') {  // "0", "00" are numbers; "012" is 0 and 12
    size = 1;
    while (size < text.size() && (text[size] == '0' || (text[size] == '_' && text.substr(size + 1).starts_with('0'))))
      ++size;
  }
  Int value;
  if (!AccumulateDigits(text.substr(begin, size), base, value)) return {Value(), 0};
  return {value, begin + size};
}

Int ParseInteger(std::string_view text, int base) {
  Require(base == 0 || (base >= 2 && base <= 36), "int() base must be >= 2 and <= 36, or 0");
  const std::string_view whole = StripRight(StripLeft(text));
  std::string_view digits = whole;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  if (digits.size() > 2 && digits[0] == '0') {
    const char mark = static_cast<char>(digits[1] | 0x20);
    const int marked = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
    if (marked != 0 && (base == 0 || base == marked)) {
      digits.remove_prefix(digits[2] == '_' ? 3 : 2);
      base = marked;
    }
  }
  if (base == 0) base = 10;
  Require(!digits.empty() && CountDigits(digits, base) == digits.size(), "invalid literal for int() with base {}: '{}'",
          base, text.substr(0, 100));
  Int value;
  Require(AccumulateDigits(digits, base, value), "an integer leaves 128 bits");
  return negative ? -value : value;
}

double ParseFloat(std::string_view text) {
  std::string digits = ToLower(StripRight(StripLeft(text)));
  std::string_view number = digits;
  const bool negative = number.starts_with('-');
  if (negative || number.starts_with('+')) number.remove_prefix(1);
  const double sign = negative ? -1 : 1;
  if (number == "inf" || number == "infinity") return sign * std::numeric_limits<double>::infinity();
  if (number == "nan") return std::numeric_limits<double>::quiet_NaN();
  const std::string padded = number.starts_with('.') ? "0" + std::string(number) : std::string(number);
  size_t used = FloatLength(padded);
  if (used == 0) used = CountDigits(padded, 10);
  if (used > 0 && padded.substr(used) == ".") used = padded.size();
  Require(!padded.empty() && used == padded.size() && padded != "0.", "could not convert string to float: '{}'",
          text.substr(0, 100));
  return sign * ToDouble(WithoutUnderscores(padded));
}

}  // namespace tessera::text::jinja
