#pragma once
// JSON as values of a template.

#include "tessera/core/json.h"
#include "tessera/text/jinja/runtime.h"

namespace tessera::text::jinja {

// Throws Error for JSON nested too deep and for strings that are not UTF-8.
Value FromJson(Runtime& runtime, const Json& json);

}  // namespace tessera::text::jinja
