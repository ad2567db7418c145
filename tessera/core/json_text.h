#pragma once
// JSON for files, programs and messages.

#include <string>

#include "tessera/core/json.h"

namespace tessera {

// The text of `value`, in one line or indented by `indent`. Bytes that are no UTF-8 (a file's name may have them)
// become U+FFFD, where dump() alone would throw.
std::string JsonText(const Json& value, int indent = -1);

}  // namespace tessera
