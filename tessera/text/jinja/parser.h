#pragma once
// Tokens to a tree, with the grammar of Jinja 3.1 and the tags that chat templates know.

#include <string_view>

#include "tessera/text/jinja/ast.h"
#include "tessera/text/template_limits.h"

namespace tessera::text::jinja {

// Throws Error "template: line 3: …" for what is no template, and for one nested deeper than the limits.
Body ParseTemplate(std::string_view source, const TemplateLimits& limits);

}  // namespace tessera::text::jinja
