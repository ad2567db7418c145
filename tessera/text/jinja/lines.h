#pragma once
// Text in lines, and text padded to a width.

#include <string>
#include <string_view>
#include <vector>

#include "tessera/text/jinja/runtime.h"

namespace tessera::text::jinja {

// Python's str.splitlines: at \n, \r\n, \r and the other line boundaries of Unicode; no empty line at the end.
enum class LineEnds { kDrop, kKeep };
std::vector<std::string_view> SplitLines(std::string_view text, LineEnds ends = LineEnds::kDrop);

enum class Padding { kLeft, kRight, kCenter };  // where the text goes
struct PadOptions {
  Int width;
  std::string_view fill;  // one code point
  Padding padding;
};
std::string PadText(Runtime& runtime, std::string_view text, const PadOptions& options);

}  // namespace tessera::text::jinja
