#pragma once
// The YAML that configurations of models are written in: mappings and lists by indentation, and plain values.
//
//   model:
//     params:
//       embed_dim: 256        # a comment
//       ch_mult:
//       - 1
//       - 2
//       attn_resolutions: []
//
// Anchors, tags, several documents, text over several lines and keys in quotes are refused, not guessed at.

#include <string_view>

#include "tessera/core/json.h"

namespace tessera::weights {

// The document as JSON: whole numbers, numbers, true, false, null and ~ as such, everything else as text.
// Throws Error "where: line 3: …" for what is not such a document, and beyond 1 MiB or 32 levels.
Json ParsePlainYaml(std::string_view text, std::string_view where);

}  // namespace tessera::weights
