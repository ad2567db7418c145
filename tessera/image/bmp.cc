// BMP, as Windows and OS/2 write it: 1, 4, 8, 16, 24 and 32 bits, colour masks, run lengths of 4 and 8 bits.
//
//   file header, 14 bytes   "BM", size, -, -, where the pixels begin
//   info header, 12 or more its size, width, height (negative: rows from the top), planes, bits, compression, …
//   masks                   red, green, blue (alpha), where the compression says so
//   palette                 blue, green, red (and a spare byte, unless the header has 12 bytes)
//   pixels                  rows from the bottom, each padded to 4 bytes; or runs

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <span>
#include <vector>

#include "tessera/image/byte_view.h"
#include "tessera/image/codecs.h"

namespace tessera::image {
namespace {

constexpr uint32_t kPlain = 0, kRuns8 = 1, kRuns4 = 2, kMasks = 3, kMasksWithAlpha = 6;  // biCompression
constexpr size_t kFileHeader = 14, kCoreHeader = 12, kInfoHeader = 40;

struct BmpHead {
  int64_t width = 0, height = 0;
  bool from_top = false;
  int bits = 0;
  uint32_t compression = kPlain;
  std::array<uint32_t, 4> masks{};  // red, green, blue, alpha
  size_t palette = 0, colours = 0, colour_bytes = 4;
  size_t pixels = 0;

  bool runs() const { return compression == kRuns8 || compression == kRuns4; }
  int64_t row_bytes() const { return (width * bits + 31) / 32 * 4; }
};

// Where the colour masks stand, or what they are where the file leaves them out.
void ReadMasks(const ByteView& view, size_t info_bytes, BmpHead& head) {
  if (head.compression == kMasks || head.compression == kMasksWithAlpha) {
    const size_t count = head.compression == kMasksWithAlpha || info_bytes >= 56 ? 4 : 3;
    for (size_t i = 0; i < count; ++i) head.masks[i] = view.Little32(kFileHeader + kInfoHeader + 4 * i);
    if (info_bytes == kInfoHeader) head.palette += 4 * count;
  } else if (head.bits == 16) {
    head.masks = {0x7c00, 0x03e0, 0x001f, 0};
  } else if (head.bits == 32) {
    head.masks = {0xff0000, 0x00ff00, 0x0000ff, 0};
  }
}

BmpHead ReadHead(const ByteView& view) {
  BmpHead head;
  const size_t info_bytes = view.Little32(kFileHeader);
  Require(info_bytes == kCoreHeader || (info_bytes >= kInfoHeader && info_bytes <= 124), "bmp: a header of {} bytes",
          info_bytes);
  head.pixels = view.Little32(10);
  head.palette = kFileHeader + info_bytes;
  int64_t colours = 0;
  if (info_bytes == kCoreHeader) {
    head.width = view.Little16(18);
    head.height = view.Little16(20);
    head.bits = view.Little16(24);
    head.colour_bytes = 3;
  } else {
    head.width = static_cast<int32_t>(view.Little32(18));
    head.height = static_cast<int32_t>(view.Little32(22));
    head.from_top = head.height < 0;
    head.height = std::abs(head.height);
    head.bits = view.Little16(28);
    head.compression = view.Little32(30);
    colours = view.Little32(46);
  }
  const std::array kBits = {1, 4, 8, 16, 24, 32};
  Require(std::ranges::find(kBits, head.bits) != kBits.end(), "bmp: {} bits a pixel", head.bits);
  const bool fits =
      head.compression == kPlain || (head.compression == kRuns8 && head.bits == 8) ||
      (head.compression == kRuns4 && head.bits == 4) ||
      ((head.compression == kMasks || head.compression == kMasksWithAlpha) && head.bits >= 16 && head.bits != 24);
  Require(fits, "bmp: compression {} with {} bits is not supported", head.compression, head.bits);
  if (head.bits <= 8) {
    const int64_t most = int64_t{1} << head.bits;
    head.colours = static_cast<size_t>(colours == 0 ? most : std::min(colours, most));
  }
  ReadMasks(view, info_bytes, head);
  return head;
}

// A channel's bits in a pixel, widened to 8 by repeating what the mask's greatest value stands for.
uint8_t Channel(uint32_t pixel, uint32_t mask) {
  if (mask == 0) return 0;
  const uint64_t value = (pixel & mask) >> std::countr_zero(mask), most = mask >> std::countr_zero(mask);
  return static_cast<uint8_t>((value * 255 + most / 2) / most);
}

struct BmpPicture {
  BmpHead head;
  Tensor picture;
  std::vector<std::array<uint8_t, 3>> palette;

  uint8_t* Row(int64_t y) {  // y counts as the file does
    const int64_t from_top = head.from_top ? y : head.height - 1 - y;
    return picture.mutable_data<uint8_t>().data() + from_top * head.width * picture.dim(2);
  }
  void Put(uint8_t* row, int64_t x, size_t colour) const {
    Require(colour < palette.size(), "bmp: colour {} of a palette of {}", colour, palette.size());
    std::ranges::copy(palette[colour], row + 3 * x);
  }
};

void ReadPalette(const ByteView& view, BmpPicture& bmp) {
  for (size_t i = 0; i < bmp.head.colours; ++i) {
    const size_t at = bmp.head.palette + i * bmp.head.colour_bytes;
    bmp.palette.push_back({view.U8(at + 2), view.U8(at + 1), view.U8(at)});
  }
}

void DecodeRow(const ByteView& view, size_t at, BmpPicture& bmp, uint8_t* row) {
  const BmpHead& head = bmp.head;
  const auto pixels = view.Part(at, static_cast<size_t>(head.row_bytes()));
  const ByteView in(pixels, "bmp");
  const int64_t channels = bmp.picture.dim(2);
  for (int64_t x = 0; x < head.width; ++x) {
    const auto i = static_cast<size_t>(x);
    if (head.bits <= 8) {
      const size_t bit = i * static_cast<size_t>(head.bits);
      bmp.Put(row, x, in.U8(bit / 8) >> (8 - head.bits - static_cast<int>(bit % 8)) & ((1 << head.bits) - 1));
    } else if (head.bits == 24) {
      for (size_t c = 0; c < 3; ++c) row[3 * x + static_cast<int64_t>(c)] = in.U8(3 * i + 2 - c);
    } else {
      const uint32_t pixel = head.bits == 16 ? in.Little16(2 * i) : in.Little32(4 * i);
      for (int64_t c = 0; c < channels; ++c) row[channels * x + c] = Channel(pixel, head.masks[static_cast<size_t>(c)]);
    }
  }
}

// Runs: (count, colour); (0, 0) ends the row, (0, 1) the picture, (0, 2, dx, dy) moves on, (0, n) n colours as they
// are, padded to two bytes. With 4 bits a byte holds two colours in turn. What no run reaches has colour 0.
void DecodeRuns(const ByteView& view, BmpPicture& bmp) {
  const BmpHead& head = bmp.head;
  for (int64_t y = 0; y < head.height; ++y)
    for (int64_t x = 0; x < head.width; ++x) bmp.Put(bmp.Row(y), x, 0);
  const bool nibbles = head.compression == kRuns4;
  const auto colour = [&](uint8_t byte, int64_t i) -> size_t {
    return nibbles ? (i % 2 == 0 ? byte >> 4 : byte & 15) : byte;
  };
  int64_t x = 0, y = 0;
  const auto put = [&](size_t c) {
    if (x < head.width && y < head.height) bmp.Put(bmp.Row(y), x, c);
    ++x;
  };
  for (size_t at = head.pixels; y < head.height;) {
    const uint8_t count = view.U8(at), what = view.U8(at + 1);
    at += 2;
    if (count > 0) {
      for (int64_t i = 0; i < count; ++i) put(colour(what, i));
    } else if (what == 0) {
      x = 0, ++y;
    } else if (what == 1) {
      return;
    } else if (what == 2) {
      x += view.U8(at), y += view.U8(at + 1);
      at += 2;
    } else {
      for (int64_t i = 0; i < what; ++i) put(colour(view.U8(at + static_cast<size_t>(nibbles ? i / 2 : i)), i));
      const size_t bytes = nibbles ? (what + 1u) / 2 : what;
      at += bytes + bytes % 2;
    }
  }
}

}  // namespace

ImageHeader BmpHeader(std::string_view bytes) {
  const BmpHead head = ReadHead(ByteView(bytes, "bmp"));
  // Two bytes of a run stand for 255 pixels.
  const int64_t row = head.runs() ? head.width / 128 : head.row_bytes();
  return {.size = {head.height, head.width}, .least_file_bytes = row * head.height};
}

Tensor DecodeBmp(std::string_view bytes) {
  const ByteView view(bytes, "bmp");
  BmpPicture bmp{.head = ReadHead(view), .picture = {}, .palette = {}};
  const BmpHead& head = bmp.head;
  ReadPalette(view, bmp);
  bmp.picture = Tensor::Empty({head.height, head.width, head.masks[3] != 0 ? 4 : 3}, DType::kU8);
  if (head.runs()) {
    DecodeRuns(view, bmp);
  } else {
    for (int64_t y = 0; y < head.height; ++y)
      DecodeRow(view, head.pixels + static_cast<size_t>(y * head.row_bytes()), bmp, bmp.Row(y));
  }
  return bmp.picture;
}

}  // namespace tessera::image
