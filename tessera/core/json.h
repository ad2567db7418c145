#pragma once
// JSON from files that may be hostile: limits on size and depth, and errors that name the place.

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>

namespace tessera {

using Json = nlohmann::ordered_json;  // keeps the keys in the file's order, which templates and round trips need

struct JsonLimits {
  size_t max_bytes = size_t{1} << 30;
  int max_depth = 64;        // [[[…]]] deeper than this is refused
  bool unique_keys = false;  // refuse {"a": 1, "a": 2}
};

// The value of `text`, which must be one JSON document in UTF-8.
// Throws Error "where: line 3, column 7: …" for malformed text and for text beyond `limits`.
Json ParseJson(std::string_view text, std::string_view where, const JsonLimits& limits = {});

}  // namespace tessera
