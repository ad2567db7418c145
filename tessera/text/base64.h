#pragma once
// Base64 (RFC 4648, the standard alphabet), as tokenizer files and terminals use it.

#include <optional>
#include <string>
#include <string_view>

namespace tessera::text {

// The bytes that `text` encodes, or nothing if it is not base64. Padding at the end may be absent.
std::optional<std::string> DecodeBase64(std::string_view text);

// The text for these bytes, padded.
std::string EncodeBase64(std::string_view bytes);

}  // namespace tessera::text
