#include "tessera/cli/json_lines.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <string>

#include "tessera/core/error.h"
#include "tessera/core/json_text.h"

namespace tessera::cli {
namespace {

constexpr size_t kMaxLine = size_t{256} << 20;

// Reads one line without its end into `line`; false at the end of the input.
bool ReadLine(std::FILE* in, std::string& line) {
  line.clear();
  for (int c = getc_unlocked(in); c != EOF; c = getc_unlocked(in)) {
    if (c == '\n') return true;
    Require(c != '\0', "a zero byte where JSON should be");
    Require(line.size() < kMaxLine, "longer than {} bytes", kMaxLine);
    line.push_back(static_cast<char>(c));
  }
  Require(std::ferror(in) == 0, "cannot read the input: {}", std::strerror(errno));
  return !line.empty();
}

void WriteLine(std::FILE* out, const Json& value) {
  const std::string text = JsonText(value) + "\n";
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
