// The first frame of a GIF (GIF89a specification, CompuServe 1990). What the frame leaves free, and what it marks as
// transparent, has alpha 0.

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tessera/image/byte_view.h"
#include "tessera/image/codecs.h"

namespace tessera::image {
namespace {

constexpr int kMaxCodeBits = 12;

struct GifFrame {
  int64_t left = 0, top = 0, width = 0, height = 0;
  bool interlaced = false;
  std::optional<uint8_t> transparent;
  std::string_view palette;  // three bytes a colour
  size_t data = 0;           // where the code size stands
};

// Steps over the data blocks at `at`: each its length, then as many bytes; a length of 0 ends them.
size_t AfterBlocks(const ByteView& view, size_t at) {
  while (const uint8_t length = view.U8(at)) at += 1 + length;
  return at + 1;
}

std::string_view Palette(const ByteView& view, size_t& at, uint8_t flags) {
  if ((flags & 0x80) == 0) return {};
  const size_t bytes = size_t{3} << ((flags & 7) + 1);
  at += bytes;
  return view.Part(at - bytes, bytes);
}

GifFrame FirstFrame(const ByteView& view) {
  GifFrame frame;
  size_t at = 13;
  frame.palette = Palette(view, at, view.U8(10));
  for (;;) {
    const uint8_t kind = view.U8(at);
    if (kind == 0x21) {  // extension
      if (view.U8(at + 1) == 0xf9 && (view.U8(at + 3) & 1) != 0) frame.transparent = view.U8(at + 6);
      at = AfterBlocks(view, at + 2);
      continue;
    }
    Require(kind == 0x2c, "gif: there is no picture in it");
    frame.left = view.Little16(at + 1);
    frame.top = view.Little16(at + 3);
    frame.width = view.Little16(at + 5);
    frame.height = view.Little16(at + 7);
    const uint8_t flags = view.U8(at + 9);
    frame.interlaced = (flags & 0x40) != 0;
    at += 10;
    if (const auto own = Palette(view, at, flags); !own.empty()) frame.palette = own;
    frame.data = at;
    return frame;
  }
}

// The bytes of all data blocks from `at` on, up to the blocks' end or the file's.
std::string Joined(const ByteView& view, size_t at) {
  std::string joined;
  while (at < view.size() && view.U8(at) != 0) {
    const size_t length = std::min<size_t>(view.U8(at), view.size() - at - 1);
    joined += view.Part(at + 1, length);
    at += 1 + length;
  }
  return joined;
}

// Lempel-Ziv-Welch: a code stands for a string, one longer by a byte than an earlier code's. Writes at most
// indices.size() values and returns how many there were.
size_t Unpack(std::string_view packed, int code_bits, std::span<uint8_t> indices) {
  struct Link {
    uint16_t prefix;
    uint8_t last, first;
    uint16_t length;
  };
  std::array<Link, 1 << kMaxCodeBits> table;
  const uint32_t clear = 1u << code_bits, end = clear + 1;
  for (uint32_t i = 0; i < clear; ++i)
    table[i] = {.prefix = 0, .last = static_cast<uint8_t>(i), .first = static_cast<uint8_t>(i), .length = 1};
  uint32_t next = end + 1, previous = clear, buffer = 0;
  int bits = code_bits + 1, held = 0;
  size_t written = 0;
  for (const char byte : packed) {
    if (written == indices.size()) break;  // what follows the last pixel is nobody's
    buffer |= static_cast<uint32_t>(static_cast<uint8_t>(byte)) << held;
    held += 8;
    while (held >= bits && written < indices.size()) {
      const uint32_t code = buffer & ((1u << bits) - 1);
      buffer >>= bits;
      held -= bits;
      if (code == end) return written;
      if (code == clear) {
        next = end + 1;
        bits = code_bits + 1;
        previous = clear;
        continue;
      }
      // A code may be the very one that this step makes: the previous string and its own first byte.
      Require(code < next || (code == next && previous != clear && next < table.size()), "gif: a code is out of range");
      if (previous != clear && next < table.size()) {
        const Link& before = table[previous];
        const uint8_t first = code == next ? before.first : table[code].first;
        table[next] = {.prefix = static_cast<uint16_t>(previous),
                       .last = first,
                       .first = before.first,
                       .length = static_cast<uint16_t>(before.length + 1)};
        if (++next == 1u << bits && bits < kMaxCodeBits) ++bits;
      }
      const size_t length = table[code].length;
      uint32_t link = code;
      for (size_t i = length; i-- > 0; link = table[link].prefix)
        if (written + i < indices.size()) indices[written + i] = table[link].last;
      written = std::min(written + length, indices.size());
      previous = code;
    }
  }
  return written;
}

// Where the n-th stored row stands: interlaced frames hold rows 0, 8, …, then 4, 12, …, then 2, 6, …, then 1, 3, ….
std::vector<int64_t> RowOrder(const GifFrame& frame) {
  std::vector<int64_t> rows;
  if (!frame.interlaced) {
    for (int64_t y = 0; y < frame.height; ++y) rows.push_back(y);
    return rows;
  }
  constexpr std::array<std::array<int64_t, 2>, 4> kPasses = {{{0, 8}, {4, 8}, {2, 4}, {1, 2}}};
  for (const auto& [begin, step] : kPasses)
    for (int64_t y = begin; y < frame.height; y += step) rows.push_back(y);
  return rows;
}

}  // namespace

ImageHeader GifHeader(std::string_view bytes) {
  const ByteView view(bytes, "gif");
  const int64_t width = view.Little16(6), height = view.Little16(8);
  // Codes of 12 bits stand for at most 4,096 pixels each.
  return {.size = {height, width}, .least_file_bytes = width * height / 4096 * 3 / 2};
}

Tensor DecodeGif(std::string_view bytes) {
  const ByteView view(bytes, "gif");
  const int64_t width = view.Little16(6), height = view.Little16(8);
  const GifFrame frame = FirstFrame(view);
  Require(frame.left + frame.width <= width && frame.top + frame.height <= height,
          "gif: the first frame reaches beyond the picture");
  const int code_bits = view.U8(frame.data);
  Require(code_bits >= 1 && code_bits < kMaxCodeBits, "gif: codes of {} bits", code_bits);
  std::vector<uint8_t> indices(static_cast<size_t>(frame.width * frame.height));
  const size_t found = Unpack(Joined(view, frame.data + 1), code_bits, indices);
  Require(found == indices.size(), "gif: the first frame ends early");
  const bool whole = frame.width == width && frame.height == height;
  const int64_t channels = whole && !frame.transparent ? 3 : 4;
  Tensor picture = Tensor::Zeros({height, width, channels}, DType::kU8);
  uint8_t* data = picture.mutable_data<uint8_t>().data();
  const uint8_t* index = indices.data();
  for (const int64_t y : RowOrder(frame)) {
    uint8_t* to = data + ((frame.top + y) * width + frame.left) * channels;
    for (int64_t x = 0; x < frame.width; ++x, ++index, to += channels) {
      const size_t colour = 3 * size_t{*index};
      Require(colour + 3 <= frame.palette.size(), "gif: colour {} is not in the palette", *index);
      for (size_t c = 0; c < 3; ++c) to[c] = static_cast<uint8_t>(frame.palette[colour + c]);
      if (channels == 4) to[3] = frame.transparent == *index ? 0 : 255;
    }
  }
  return picture;
}

}  // namespace tessera::image
