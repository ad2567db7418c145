#pragma once
// Pictures on a terminal: each character is two pixels, one above the other, as a half block with a colour of its own
// and one behind it (24-bit colours of ISO 8613-6).

#include <string>

#include "tessera/core/tensor.h"

namespace tessera::cli {

// The picture u8 [H, W, 3] shrunk to at most `columns` characters in a row; lines end with a reset and a newline.
std::string HalfBlocks(const Tensor& picture, int columns);

}  // namespace tessera::cli
