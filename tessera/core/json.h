#pragma once
// JSON from files that may be hostile: limits on size and depth, and errors that name the place.

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <unordered_map>

namespace tessera {

using Json = nlohmann::ordered_json;  // keeps the keys in the file's order, which templates and round trips need

// An object on its way, of any number of keys: Json's own [] compares a key with all that are there.
class JsonObject {
 public:
  // The value of a key, null if it is new.
  Json& operator[](std::string_view key);
  bool Has(std::string_view key) const { return places_.contains(std::string(key)); }
  Json Take() { return std::move(object_); }  // once

 private:
  Json object_ = Json::object();
  std::unordered_map<std::string, size_t> places_;
};

struct JsonLimits {
  size_t max_bytes = size_t{1} << 30;
  int max_depth = 64;        // [[[…]]] deeper than this is refused
  bool unique_keys = false;  // refuse {"a": 1, "a": 2}
};

// The value of `text`, which must be one JSON document in UTF-8.
// Throws Error "where: line 3, column 7: …" for malformed text and for text beyond `limits`.
Json ParseJson(std::string_view text, std::string_view where, const JsonLimits& limits = {});

}  // namespace tessera
