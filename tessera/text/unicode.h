#pragma once
// UTF-8 and the few facts about characters that tokenizers ask for. Every function takes any bytes; ill-formed UTF-8
// is read as U+FFFD, one for each maximal ill-formed part (as WHATWG and Python do).

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tessera::text {

inline constexpr char32_t kReplacement = 0xFFFD;
inline constexpr std::string_view kReplacementUtf8 = "\xEF\xBF\xBD";
inline constexpr std::string_view kLowerBlock = "\xE2\x96\x81";  // U+2581, which SentencePiece writes for a space

struct CodePoint {
  char32_t value = kReplacement;
  uint32_t size = 1;     // bytes it takes, at least 1
  bool valid = false;    // false: these bytes are ill-formed and stand for U+FFFD
  bool partial = false;  // the text ends inside a character that more bytes could complete
};

// The character at `at`, which must be below text.size().
CodePoint DecodeUtf8(std::string_view text, size_t at);

void AppendUtf8(char32_t value, std::string& out);
std::string ToUtf8(char32_t value);
std::u32string ToUtf32(std::string_view text);
bool IsValidUtf8(std::string_view text);
bool IsAscii(std::string_view text);
// `text` with each ill-formed part replaced by U+FFFD.
std::string RepairUtf8(std::string_view text);
size_t CountCodePoints(std::string_view text);

bool IsWhiteSpace(char32_t c);      // the Unicode property White_Space
bool IsPythonSpace(char32_t c);     // str.isspace(): White_Space and the separators U+001C to U+001F
bool IsNumeric(char32_t c);         // general category N
bool IsPunctuation(char32_t c);     // general category P, or ASCII punctuation
bool IsNonspacingMark(char32_t c);  // general category Mn
void AppendLower(char32_t c, std::string& out);

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };
// `text` in that normal form. Time grows as n log n even for long runs of combining marks.
std::string Normalize(std::string_view text, NormalForm form);

// Turns bytes that arrive in pieces into text: holds back the bytes of an unfinished character, writes U+FFFD as soon
// as an ill-formed part is certain.
class Utf8Repair {
 public:
  void Append(std::string_view bytes, std::string& out);
  void Flush(std::string& out);  // what is held back becomes one U+FFFD

 private:
  std::string held_;
};

}  // namespace tessera::text
