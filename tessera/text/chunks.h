#pragma once
#include <string_view>
#include <vector>

#include "tessera/text/tokenizer_parts.h"

namespace tessera::text {

// `text` cut as `limits` say; white space is what Python's str.isspace accepts. The parts joined are the text.
std::vector<std::string_view> CutIntoChunks(std::string_view text, const ChunkLimits& limits);

}  // namespace tessera::text
