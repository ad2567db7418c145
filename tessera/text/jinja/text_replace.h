#pragma once
// str.replace.

#include <string>
#include <string_view>

#include "tessera/text/jinja/runtime.h"

namespace tessera::text::jinja {

// `text` with the first `count` places of `what` replaced, all for a negative count. An empty `what` stands between all
// code points.
std::string ReplaceText(Runtime& runtime, std::string_view text, std::string_view what, std::string_view with,
                        Int count);

}  // namespace tessera::text::jinja
