#pragma once
// Python's datetime.strftime in the C locale.

#include <chrono>
#include <string>
#include <string_view>

namespace tessera::text::jinja {

// `format` with its % directives replaced by the parts of `time` in the local time zone. Throws Error if the result is
// longer than 64 KiB.
std::string FormatTime(std::chrono::system_clock::time_point time, std::string_view format);

}  // namespace tessera::text::jinja
