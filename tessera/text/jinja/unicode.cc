#include "tessera/text/jinja/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstring>
#include <iterator>

namespace tessera::text::jinja {
namespace {

struct SpecialCase {
  char32_t code_point;
  const char* upper;
  const char* title;
};

constexpr SpecialCase kSpecialCases[] = {
#include "tessera/text/jinja/special_case.inc"
};

const SpecialCase* FindSpecialCase(char32_t c) {
  const auto* found = std::lower_bound(std::begin(kSpecialCases), std::end(kSpecialCases), c,
                                       [](const SpecialCase& entry, char32_t key) { return entry.code_point < key; });
  return found != std::end(kSpecialCases) && found->code_point == c ? found : nullptr;
}

void AppendUpper(std::string& out, char32_t c) {
  if (const SpecialCase* special = FindSpecialCase(c))
    out += special->upper;
  else
    AppendCodePoint(out, static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c))));
}

void AppendTitle(std::string& out, char32_t c) {
  if (const SpecialCase* special = FindSpecialCase(c))
    out += special->title;
  else
    AppendCodePoint(out, static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c))));
}

constexpr char32_t kCapitalSigma = 0x3A3, kFinalSigma = 0x3C2, kSmallSigma = 0x3C3, kDottedCapitalI = 0x130;

bool IsCaseIgnorable(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return c == '\'' || c == '.' || c == ':' || c == 0xB7 || c == 0x2019 || c == 0x2018 || c == 0x2024;
  }
}

// Σ is ς at the end of a word: after a cased letter and before none.
bool IsFinalSigma(std::string_view text, size_t begin, size_t end) {
  bool cased_before = false;
  for (size_t at = begin; at > 0 && !cased_before;) {
    do --at;
    while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
    size_t next = at;
    const char32_t c = NextCodePoint(text, next);
    if (IsCaseIgnorable(c)) continue;
    if (!IsCased(c)) return false;
    cased_before = true;
  }
  while (end < text.size()) {
    const char32_t c = NextCodePoint(text, end);
    if (IsCaseIgnorable(c)) continue;
    return cased_before && !IsCased(c);
  }
  return cased_before;
}

void AppendLower(std::string& out, std::string_view text, size_t begin, size_t end, char32_t c) {
  if (c == kDottedCapitalI)
    out += "i\xCC\x87";
  else if (c == kCapitalSigma)
    AppendCodePoint(out, IsFinalSigma(text, begin, end) ? kFinalSigma : kSmallSigma);
  else
    AppendCodePoint(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
}

// Calls visit(code point, begin, end) for each code point.
template <typename Visit>
void ForEachCodePoint(std::string_view text, Visit visit) {
  for (size_t position = 0; position < text.size();) {
    const size_t begin = position;
    const char32_t c = NextCodePoint(text, position);
    visit(c, begin, position);
  }
}

}  // namespace

char32_t NextCodePoint(std::string_view text, size_t& position) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<char32_t>(static_cast<unsigned char>(text[i])) : char32_t{0};
  };
  const char32_t first = byte(position);
  if (first < 0x80) return ++position, first;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  char32_t c = first & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) c = (c << 6) | (byte(position + i) & 0x3F);
  position = std::min(position + length, text.size());
  return c;
}

void AppendCodePoint(std::string& text, char32_t code_point) {
  utf8proc_uint8_t bytes[4];
  const auto count = utf8proc_encode_char(static_cast<utf8proc_int32_t>(code_point), bytes);
  text.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(count));
}

size_t CountCodePoints(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

size_t ByteOffset(std::string_view text, size_t code_point) {
  size_t position = 0;
  for (; position < text.size(); ++position) {
    if ((static_cast<unsigned char>(text[position]) & 0xC0) == 0x80) continue;
    if (code_point == 0) break;
    --code_point;
  }
  return position;
}

bool IsValidUtf8(std::string_view text) {
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  for (size_t position = 0; position < text.size();) {
    utf8proc_int32_t code_point;
    const auto used =
        utf8proc_iterate(bytes + position, static_cast<utf8proc_ssize_t>(text.size() - position), &code_point);
    if (used <= 0) return false;
    position += static_cast<size_t>(used);
  }
  return true;
}

bool IsSpace(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool IsAlphabetic(char32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

bool IsDecimal(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)) == UTF8PROC_CATEGORY_ND; }

bool IsDigit(char32_t c) {
  return IsDecimal(c) || c == 0xB2 || c == 0xB3 || c == 0xB9 || c == 0x2070 || (c >= 0x2074 && c <= 0x2079) ||
         (c >= 0x2080 && c <= 0x2089) || (c >= 0x2460 && c <= 0x2468) || (c >= 0x2474 && c <= 0x247C) ||
         (c >= 0x2488 && c <= 0x2490) || (c >= 0x2776 && c <= 0x277E) || (c >= 0x2780 && c <= 0x2788) ||
         (c >= 0x278A && c <= 0x2792);
}

bool IsNumeric(char32_t c) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category == UTF8PROC_CATEGORY_ND || category == UTF8PROC_CATEGORY_NL || category == UTF8PROC_CATEGORY_NO;
}

bool IsUpper(char32_t c) { return utf8proc_isupper(static_cast<utf8proc_int32_t>(c)) != 0; }
bool IsLower(char32_t c) { return utf8proc_islower(static_cast<utf8proc_int32_t>(c)) != 0; }

bool IsCased(char32_t c) {
  return IsUpper(c) || IsLower(c) || utf8proc_category(static_cast<utf8proc_int32_t>(c)) == UTF8PROC_CATEGORY_LT;
}

bool IsPrintable(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    case UTF8PROC_CATEGORY_ZS:
      return c == ' ';
    default:
      return true;
  }
}

bool IsWordCharacter(char32_t c) { return c == '_' || IsAlphabetic(c) || IsNumeric(c); }

std::string ToUpper(std::string_view text) {
  std::string out;
  ForEachCodePoint(text, [&](char32_t c, size_t, size_t) { AppendUpper(out, c); });
  return out;
}

std::string ToLower(std::string_view text) {
  std::string out;
  ForEachCodePoint(text, [&](char32_t c, size_t begin, size_t end) { AppendLower(out, text, begin, end, c); });
  return out;
}

std::string Capitalize(std::string_view text) {
  std::string out;
  ForEachCodePoint(text, [&](char32_t c, size_t begin, size_t end) {
    begin == 0 ? AppendTitle(out, c) : AppendLower(out, text, begin, end, c);
  });
  return out;
}

std::string ToTitle(std::string_view text) {
  std::string out;
  bool inside = false;
  ForEachCodePoint(text, [&](char32_t c, size_t begin, size_t end) {
    inside ? AppendLower(out, text, begin, end, c) : AppendTitle(out, c);
    inside = IsCased(c);
  });
  return out;
}

std::string SwapCase(std::string_view text) {
  std::string out;
  ForEachCodePoint(text, [&](char32_t c, size_t begin, size_t end) {
    if (IsUpper(c))
      AppendLower(out, text, begin, end, c);
    else if (IsLower(c))
      AppendUpper(out, c);
    else
      AppendCodePoint(out, c);
  });
  return out;
}

namespace {

template <typename Drop>
std::string_view StripLeftWhile(std::string_view text, Drop drop) {
  for (size_t position = 0; position < text.size();) {
    const size_t begin = position;
    if (!drop(NextCodePoint(text, position))) return text.substr(begin);
  }
  return {};
}

template <typename Drop>
std::string_view StripRightWhile(std::string_view text, Drop drop) {
  while (!text.empty()) {
    size_t begin = text.size() - 1;
    while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
    size_t position = begin;
    if (!drop(NextCodePoint(text, position))) break;
    text.remove_suffix(text.size() - begin);
  }
  return text;
}

std::u32string Decode(std::string_view text) {
  std::u32string out;
  ForEachCodePoint(text, [&](char32_t c, size_t, size_t) { out.push_back(c); });
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

std::string_view StripLeft(std::string_view text) { return StripLeftWhile(text, IsSpace); }
std::string_view StripRight(std::string_view text) { return StripRightWhile(text, IsSpace); }

std::string_view StripLeft(std::string_view text, std::string_view characters) {
  const auto set = Decode(characters);
  return StripLeftWhile(text, [&](char32_t c) { return std::binary_search(set.begin(), set.end(), c); });
}

std::string_view StripRight(std::string_view text, std::string_view characters) {
  const auto set = Decode(characters);
  return StripRightWhile(text, [&](char32_t c) { return std::binary_search(set.begin(), set.end(), c); });
}

size_t FindText(std::string_view text, std::string_view needle, size_t from) {
  if (from > text.size()) return std::string_view::npos;
  if (needle.empty()) return from;
  // memmem is the two-way search; std::string_view::find is quadratic on "aaaa…b".
  const void* found = memmem(text.data() + from, text.size() - from, needle.data(), needle.size());
  if (found == nullptr) return std::string_view::npos;
  return static_cast<size_t>(static_cast<const char*>(found) - text.data());
}

}  // namespace tessera::text::jinja
