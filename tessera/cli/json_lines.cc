#include "tessera/cli/json_lines.h"

#include <fmt/format.h>

#include <cstring>
#include <string>

#include "tessera/core/error.h"

namespace tessera::cli {
namespace {

constexpr size_t kMaxLine = size_t{256} << 20;

// Reads one line without its end into `line`; false at the end of the input.
bool ReadLine(std::FILE* in, std::string& line) {
  line.clear();
  char buffer[16384];
  while (std::fgets(buffer, sizeof buffer, in) != nullptr) {
    // A zero byte would hide the rest of the line; JSON has none.
    const size_t size = std::strlen(buffer);
    Require(size > 0, "a zero byte where JSON should be");
    line.append(buffer, size);
    Require(line.size() <= kMaxLine, "longer than {} bytes", kMaxLine);
    if (line.back() == '\n') {
      line.pop_back();
      return true;
    }
  }
  Require(std::ferror(in) == 0, "cannot read the input: {}", std::strerror(errno));
  return !line.empty();
}

void WriteLine(std::FILE* out, const Json& value) {
  const std::string text = value.dump() + "\n";
  const bool written = std::fwrite(text.data(), 1, text.size(), out) == text.size() && std::fflush(out) == 0;
  Require(written, "cannot write the result: {}", std::strerror(errno));
}

}  // namespace

void MapJsonLines(std::FILE* in, std::FILE* out, const std::function<Json(const Json&)>& body) {
  std::string line;
  for (size_t number = 1;; ++number) {
    const bool more = WithContext(fmt::format("line {}", number), [&] {
      if (!ReadLine(in, line)) return false;
      if (line.find_first_not_of(" \t\r") == line.npos) return true;
      const Json value = ParseJson(line, "input");
      Require(value.is_object(), "not a JSON object but {}", value.type_name());
      WriteLine(out, body(value));
      return true;
    });
    if (!more) return;
  }
}

}  // namespace tessera::cli
