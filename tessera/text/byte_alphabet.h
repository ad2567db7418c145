#pragma once
// The alphabet in which byte-level vocabularies are written: each of the 256 bytes is one printable character
// (GPT-2's table). Bytes 21..7E, A1..AC and AE..FF stand for themselves, the others for U+0100, U+0101, … in order.

#include <optional>
#include <string>
#include <string_view>

namespace tessera::text {

// The bytes that `piece` stands for, or nothing if a character of it is outside the alphabet.
std::optional<std::string> BytesOfPiece(std::string_view piece);

// Appends those bytes to `out` and returns true; false, with `out` as it was, if a character is outside the alphabet.
bool AppendBytesOfPiece(std::string_view piece, std::string& out);

// `bytes` written in the alphabet.
std::string PieceOfBytes(std::string_view bytes);

}  // namespace tessera::text
