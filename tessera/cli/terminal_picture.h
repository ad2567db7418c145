#pragma once
// Pictures on the terminal, in the best way that it allows.
//
//   kitty        the file itself, in base64 (kitty, Ghostty, WezTerm)
//   sixel        columns of six pixels, of 252 colours (foot, mlterm, Black Box, Windows Terminal …)
//   half blocks  two coloured pixels a character (cli/half_blocks.h)
//
// TESSERA_PICTURES = kitty, sixel, blocks or none decides where the terminal's name does not say it.

#include <string>

#include "tessera/core/tensor.h"

namespace tessera::cli {

enum class PictureProtocol { kNone, kHalfBlocks, kSixel, kKitty };

// What standard output understands: nothing where it is no terminal or colours are unwanted. Throws Error for another
// TESSERA_PICTURES.
PictureProtocol TerminalPictures();

// The picture u8 [H, W, 3] for that protocol, a newline behind it; empty for kNone. Half blocks take `columns` at most.
std::string TerminalPicture(const Tensor& picture, PictureProtocol protocol, int columns);

}  // namespace tessera::cli
