#pragma once
// UTF-8 text as Python's str sees it: code points, classes of characters, case. All text given here is valid UTF-8.

#include <cstddef>
#include <string>
#include <string_view>

namespace tessera::text::jinja {

char32_t NextCodePoint(std::string_view text, size_t& position);  // moves `position` behind it
void AppendCodePoint(std::string& text, char32_t code_point);
size_t CountCodePoints(std::string_view text);
size_t ByteOffset(std::string_view text, size_t code_point);  // of the code point with this index; the end if beyond
bool IsValidUtf8(std::string_view text);

bool IsSpace(char32_t c);
bool IsAlphabetic(char32_t c);
bool IsDecimal(char32_t c);
bool IsDigit(char32_t c);
bool IsNumeric(char32_t c);
bool IsUpper(char32_t c);
bool IsLower(char32_t c);
bool IsCased(char32_t c);          // has an upper, lower or title form
bool IsPrintable(char32_t c);      // repr shows it as it is
bool IsWordCharacter(char32_t c);  // \w of Python's re

std::string ToUpper(std::string_view text);
std::string ToLower(std::string_view text);
std::string Capitalize(std::string_view text);  // first character to title case, the rest to lower case
std::string ToTitle(std::string_view text);     // each word so
std::string SwapCase(std::string_view text);

// The text without white space, or without the code points of `characters`, at its ends.
std::string_view StripLeft(std::string_view text);
std::string_view StripRight(std::string_view text);
std::string_view StripLeft(std::string_view text, std::string_view characters);
std::string_view StripRight(std::string_view text, std::string_view characters);

// First place of `needle` at or after `from`; npos if there is none. Linear time for every input.
size_t FindText(std::string_view text, std::string_view needle, size_t from = 0);

}  // namespace tessera::text::jinja
