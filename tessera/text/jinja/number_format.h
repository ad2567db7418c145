#pragma once
// Numbers and text in the layouts of Python's format() and of printf-style formatting.

#include <optional>
#include <string>
#include <string_view>

#include "tessera/text/jinja/runtime.h"

namespace tessera::text::jinja {

// [[fill]align][sign][#][0][width][,][.precision][type]
struct FormatSpec {
  std::string fill = " ";
  char align = '\0';  // < > ^ =, or '\0' for the type's own
  char sign = '-';
  bool alternate = false;
  char grouping = '\0';  // , or _
  Int width = 0;
  std::optional<int> precision;
  char type = '\0';
};

FormatSpec ParseFormatSpec(std::string_view text);  // throws Error "Invalid format specifier …"

// Throw Error for a value that the spec's type does not fit, and for widths beyond memory.
std::string FormatValue(Runtime& runtime, const Value& value, const FormatSpec& spec);

}  // namespace tessera::text::jinja
