#include "tessera/core/json.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "tessera/core/error.h"

namespace tessera {
namespace {

std::string Place(std::string_view text, size_t byte) {
  byte = std::min(byte, text.size());
  const auto before = text.substr(0, byte);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const auto line_start = before.rfind('\n');
  const auto column = byte - (line_start == std::string_view::npos ? 0 : line_start + 1);
  return fmt::format("line {}, column {}", line, column + 1);
}

// Depth is judged before parsing, by a scan that knows only strings and brackets.
void RequireDepth(std::string_view text, std::string_view where, int max_depth) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      Require(++depth <= max_depth, "{}: {}: nested deeper than {} levels", where, Place(text, i), max_depth);
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
}

}  // namespace

Json ParseJson(std::string_view text, std::string_view where, const JsonLimits& limits) {
  Require(text.size() <= limits.max_bytes, "{}: {} bytes of JSON, the limit is {}", where, text.size(),
          limits.max_bytes);
  RequireDepth(text, where, limits.max_depth);
  std::vector<std::set<std::string>> keys;
  const auto unique = [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key) {
      Require(keys.back().insert(parsed.get<std::string>()).second, "{}: the key \"{}\" stands twice", where,
              parsed.get<std::string>());
    }
    return true;
  };
  try {
    return limits.unique_keys ? Json::parse(text, unique) : Json::parse(text);
  } catch (const Json::parse_error& error) {
    const std::string what = error.what();
    const auto detail = what.find(": ");  // after the library's own name for the place
    Fail("{}: {}: not valid JSON: {}", where, Place(text, error.byte > 0 ? error.byte - 1 : 0),
         detail == std::string::npos ? what : what.substr(detail + 2));
  } catch (const Json::exception&) {  // a number beyond the range of a double
    Fail("{}: not valid JSON: a number is out of range", where);
  }
}

}  // namespace tessera
