#include "tessera/core/json.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
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
      if (++depth > max_depth)  // only then: finding the place reads all of the text before it
        Fail("{}: {}: nested deeper than {} levels", where, Place(text, i), max_depth);
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
}

// Makes a value of what the library's parser reads. Its own way takes time with the square of an object's keys, and a
// file of a megabyte may have a hundred thousand.
class Builder : public nlohmann::json_sax<Json> {
 public:
  Builder(std::string_view where, bool unique_keys) : where_(where), unique_keys_(unique_keys) {}

  Json Take() { return std::move(root_); }

  bool null() override { return Add(nullptr); }
  bool boolean(bool value) override { return Add(value); }
  bool number_integer(Json::number_integer_t value) override { return Add(value); }
  bool number_unsigned(Json::number_unsigned_t value) override { return Add(value); }
  bool number_float(Json::number_float_t value, const std::string&) override { return Add(value); }
  bool string(std::string& value) override { return Add(std::move(value)); }
  bool binary(Json::binary_t& value) override { return Add(std::move(value)); }
  bool start_array(size_t) override { return Open({.array = Json::array()}); }
  bool start_object(size_t) override { return Open({.object = JsonObject()}); }
  bool end_array() override { return Close(); }
  bool end_object() override { return Close(); }
  bool key(std::string& key) override {
    Level& level = open_.back();
    Require(!unique_keys_ || !level.object->Has(key), "{}: the key \"{}\" stands twice", where_, key);
    level.key = std::move(key);
    return true;
  }
  bool parse_error(size_t, const std::string&, const Json::exception& error) override {
    if (const auto* malformed = dynamic_cast<const Json::parse_error*>(&error)) throw *malformed;
    throw Json::exception(error);
  }

 private:
  struct Level {
    std::optional<JsonObject> object;  // none: an array
    Json array;
    std::string key;  // of the value that comes
  };

  bool Open(Level level) {
    open_.push_back(std::move(level));
    return true;
  }
  bool Close() {
    Level level = std::move(open_.back());
    open_.pop_back();
    return Add(level.object ? level.object->Take() : std::move(level.array));
  }
  bool Add(Json value) {
    if (open_.empty())
      root_ = std::move(value);
    else if (Level& level = open_.back(); level.object)
      (*level.object)[level.key] = std::move(value);
    else
      level.array.push_back(std::move(value));
    return true;
  }

  std::string_view where_;
  bool unique_keys_;
  std::vector<Level> open_;
  Json root_;
};

}  // namespace

Json& JsonObject::operator[](std::string_view key) {
  Json::object_t::Container& entries = object_.get_ref<Json::object_t&>();
  const auto [place, added] = places_.try_emplace(std::string(key), entries.size());
  if (added) entries.emplace_back(place->first, nullptr);
  return entries[place->second].second;
}

Json ParseJson(std::string_view text, std::string_view where, const JsonLimits& limits) {
  Require(text.size() <= limits.max_bytes, "{}: {} bytes of JSON, the limit is {}", where, text.size(),
          limits.max_bytes);
  RequireDepth(text, where, limits.max_depth);
  try {
    Builder builder(where, limits.unique_keys);
    Json::sax_parse(text, &builder);
    return builder.Take();
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
