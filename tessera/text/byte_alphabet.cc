#include "tessera/text/byte_alphabet.h"

#include <array>

#include "tessera/text/unicode.h"

namespace tessera::text {
namespace {

constexpr bool StandsForItself(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr char32_t kEnd = 0x144;  // 256 + the 68 bytes that do not stand for themselves

constexpr std::array<char32_t, 256> kCharOfByte = [] {
  std::array<char32_t, 256> table{};
  char32_t next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) table[byte] = StandsForItself(byte) ? byte : next++;
  return table;
}();

constexpr std::array<int16_t, kEnd> kByteOfChar = [] {
  std::array<int16_t, kEnd> table{};
  for (auto& value : table) value = -1;
  for (unsigned byte = 0; byte < 256; ++byte) table[kCharOfByte[byte]] = static_cast<int16_t>(byte);
  return table;
}();

}  // namespace

bool AppendBytesOfPiece(std::string_view piece, std::string& out) {
  const size_t before = out.size();
  for (size_t at = 0; at < piece.size();) {
    const CodePoint c = DecodeUtf8(piece, at);
    if (!c.valid || c.value >= kEnd || kByteOfChar[c.value] < 0) {
      out.resize(before);
      return false;
    }
    out.push_back(static_cast<char>(kByteOfChar[c.value]));
    at += c.size;
  }
  return true;
}

std::optional<std::string> BytesOfPiece(std::string_view piece) {
  std::string bytes;
  bytes.reserve(piece.size());
  return AppendBytesOfPiece(piece, bytes) ? std::optional(std::move(bytes)) : std::nullopt;
}

std::string PieceOfBytes(std::string_view bytes) {
  std::string piece;
  for (const char byte : bytes) AppendUtf8(kCharOfByte[static_cast<unsigned char>(byte)], piece);
  return piece;
}

}  // namespace tessera::text
