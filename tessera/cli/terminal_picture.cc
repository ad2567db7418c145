#include "tessera/cli/terminal_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "tessera/cli/half_blocks.h"
#include "tessera/cli/terminal.h"
#include "tessera/core/error.h"
#include "tessera/image/encode.h"
#include "tessera/text/base64.h"

namespace tessera::cli {
namespace {

std::string_view Variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// a=T: transmit and show; f=100: a PNG file; m=1: more follows. At most 4096 characters of base64 a piece.
std::string Kitty(const Tensor& picture) {
  const std::string data = text::EncodeBase64(image::EncodePng(picture));
  constexpr size_t kPiece = 4096;
  std::string out;
  for (size_t begin = 0; begin < data.size(); begin += kPiece) {
    const bool more = begin + kPiece < data.size();
    fmt::format_to(std::back_inserter(out), "\x1b_G{}m={};{}\x1b\\", begin == 0 ? "a=T,f=100," : "", more ? 1 : 0,
                   std::string_view(data).substr(begin, kPiece));
  }
  return out + "\n";
}

constexpr std::array<int, 3> kLevels = {6, 7, 6};  // of red, green and blue: 252 colours

// The palette's colour of each pixel; an ordered pattern of 4 x 4 spreads what rounding loses.
std::vector<uint8_t> Indices(const Tensor& picture) {
  constexpr std::array<int, 16> kBayer = {0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5};
  const int64_t H = picture.dim(0), W = picture.dim(1);
  const uint8_t* pixel = picture.data<uint8_t>().data();
  std::vector<uint8_t> indices(static_cast<size_t>(H * W));
  for (int64_t i = 0; i < H * W; ++i, pixel += 3) {
    const int threshold = kBayer[static_cast<size_t>(i / W % 4 * 4 + i % W % 4)];
    int index = 0;
    for (size_t c = 0; c < 3; ++c)
      index = index * kLevels[c] + (pixel[c] * (kLevels[c] - 1) * 16 + threshold * 255 + 127) / (255 * 16);
    indices[static_cast<size_t>(i)] = static_cast<uint8_t>(index);
  }
  return indices;
}

// A run of one sixel, as "!<count><sixel>" where that is shorter.
void AddRun(std::string& out, int64_t count, char sixel) {
  if (count > 3)
    fmt::format_to(std::back_inserter(out), "!{}{}", count, sixel);
  else
    out.append(static_cast<size_t>(count), sixel);
}

// One colour of a band of six lines from line `top` on: bit n of a sixel is line n.
void AddColour(std::string& out, const std::vector<uint8_t>& indices, int64_t W, int64_t top, uint8_t colour) {
  fmt::format_to(std::back_inserter(out), "#{}", colour);
  const int64_t H = std::ssize(indices) / W, lines = std::min<int64_t>(6, H - top);
  int64_t run = 0;
  char last = 0;
  for (int64_t x = 0; x < W; ++x) {
    int bits = 0;
    for (int64_t y = 0; y < lines; ++y)
      bits |= (indices[static_cast<size_t>((top + y) * W + x)] == colour ? 1 : 0) << y;
    const char sixel = static_cast<char>('?' + bits);
    if (sixel != last) AddRun(out, std::exchange(run, 0), std::exchange(last, sixel));
    ++run;
  }
  if (last != '?') AddRun(out, run, last);  // nothing more of this colour on the line
  out += '$';
}

std::string Sixel(const Tensor& picture) {
  const int64_t H = picture.dim(0), W = picture.dim(1);
  std::string out = fmt::format("\x1bPq\"1;1;{};{}", W, H);
  for (int i = 0; i < kLevels[0] * kLevels[1] * kLevels[2]; ++i) {
    const auto percent = [](int level, int levels) { return (level * 100 + (levels - 1) / 2) / (levels - 1); };
    fmt::format_to(std::back_inserter(out), "#{};2;{};{};{}", i, percent(i / (kLevels[2] * kLevels[1]), kLevels[0]),
                   percent(i / kLevels[2] % kLevels[1], kLevels[1]), percent(i % kLevels[2], kLevels[2]));
  }
  const std::vector<uint8_t> indices = Indices(picture);
  for (int64_t top = 0; top < H; top += 6) {
    std::array<bool, 256> used = {};
    const auto band = std::span(indices).subspan(static_cast<size_t>(top * W),
                                                 static_cast<size_t>(std::min<int64_t>(6, H - top) * W));
    for (const uint8_t index : band) used[index] = true;
    for (size_t colour = 0; colour < used.size(); ++colour)
      if (used[colour]) AddColour(out, indices, W, top, static_cast<uint8_t>(colour));
    out += '-';
  }
  return out + "\x1b\\\n";
}

}  // namespace

PictureProtocol TerminalPictures() {
  const std::string_view wanted = Variable("TESSERA_PICTURES"), term = Variable("TERM"),
                         program = Variable("TERM_PROGRAM");
  if (!OutputIsTerminal() || wanted == "none") return PictureProtocol::kNone;
  if (wanted == "kitty") return PictureProtocol::kKitty;
  if (wanted == "sixel") return PictureProtocol::kSixel;
  if (wanted == "blocks") return PictureProtocol::kHalfBlocks;
  Require(wanted.empty(), "TESSERA_PICTURES: \"{}\" is not one of kitty, sixel, blocks, none", wanted);
  if (!UseColor()) return PictureProtocol::kNone;
  if (!Variable("TMUX").empty()) return PictureProtocol::kHalfBlocks;  // it passes neither of the others on
  if (!Variable("KITTY_WINDOW_ID").empty() || term.find("kitty") != term.npos || term.find("ghostty") != term.npos ||
      program == "WezTerm" || program == "ghostty")
    return PictureProtocol::kKitty;
  if (term.find("sixel") != term.npos || term.starts_with("foot") || term.starts_with("mlterm") ||
      program == "mintty" || program == "BlackBox")
    return PictureProtocol::kSixel;
  return PictureProtocol::kHalfBlocks;
}

std::string TerminalPicture(const Tensor& picture, PictureProtocol protocol, int columns) {
  switch (protocol) {
    case PictureProtocol::kKitty:
      return Kitty(picture);
    case PictureProtocol::kSixel:
      return Sixel(picture);
    case PictureProtocol::kHalfBlocks:
      return HalfBlocks(picture, columns);
    default:
      return "";
  }
}

}  // namespace tessera::cli
