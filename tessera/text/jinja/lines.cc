#include "tessera/text/jinja/lines.h"

#include "tessera/core/error.h"
#include "tessera/text/jinja/unicode.h"

namespace tessera::text::jinja {
namespace {

bool IsLineEnd(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

}  // namespace

std::vector<std::string_view> SplitLines(std::string_view text, LineEnds ends) {
  std::vector<std::string_view> lines;
  size_t begin = 0;
  for (size_t position = 0; position < text.size();) {
    const size_t end = position;
    const char32_t c = NextCodePoint(text, position);
    if (!IsLineEnd(c)) continue;
    if (c == '\r' && position < text.size() && text[position] == '\n') ++position;
    lines.push_back(text.substr(begin, (ends == LineEnds::kKeep ? position : end) - begin));
    begin = position;
  }
  if (begin < text.size()) lines.push_back(text.substr(begin));
  return lines;
}

std::string PadText(Runtime& runtime, std::string_view text, const PadOptions& options) {
  Require(CountCodePoints(options.fill) == 1, "the fill character must be exactly one character long");
  const Int missing = options.width - static_cast<Int>(CountCodePoints(text));
  if (missing <= 0) return std::string(text);
  const auto limit = static_cast<Int>(runtime.budget().limits().memory_bytes);
  runtime.budget().Expect(missing > limit ? static_cast<size_t>(limit) + 1
                                          : static_cast<size_t>(missing) * options.fill.size() + text.size());
  Int left = 0;
  if (options.padding == Padding::kRight) left = missing;
  if (options.padding == Padding::kCenter) left = missing / 2 + (missing & options.width & 1);
  std::string out;
  for (Int i = 0; i < left; ++i) out += options.fill;
  out += text;
  for (Int i = left; i < missing; ++i) out += options.fill;
  return out;
}

}  // namespace tessera::text::jinja
