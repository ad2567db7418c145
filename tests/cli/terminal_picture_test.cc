#include "tessera/cli/terminal_picture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tessera/image/decode.h"
#include "tessera/image/encode.h"
#include "tessera/text/base64.h"

namespace tessera::cli {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

Tensor Noise(int64_t height, int64_t width) {
  Tensor picture = Tensor::Empty({height, width, 3}, DType::kU8);
  uint32_t state = 1;
  for (uint8_t& value : picture.mutable_data<uint8_t>())
    value = static_cast<uint8_t>((state = state * 69069 + 1) >> 24);
  return picture;
}

TEST(TerminalPicture, KittyGetsThePngInPieces) {
  const Tensor picture = Noise(60, 60);
  const std::string shown = TerminalPicture(picture, PictureProtocol::kKitty, 80);
  EXPECT_THAT(shown, StartsWith("\x1b_Ga=T,f=100,m=1;"));
  std::string data;
  for (size_t at = 0; (at = shown.find(';', at)) != std::string::npos;) {
    const size_t end = shown.find('\x1b', at);
    EXPECT_LE(end - at - 1, 4096u);
    data += shown.substr(at + 1, end - at - 1);
    at = end;
  }
  EXPECT_EQ(text::DecodeBase64(data), image::EncodePng(picture));
  EXPECT_THAT(shown, HasSubstr("\x1b_Gm=0;"));
}

// Red, green and white of the palette stand where they stood: six lines a band, one bit a line.
TEST(TerminalPicture, SixelsAreTheColumnsOfEachColour) {
  Tensor picture = Tensor::Full({7, 2, 3}, 255, DType::kU8);
  const auto pixels = picture.mutable_data<uint8_t>();
  pixels[1] = pixels[2] = 0;    // (0, 0) is red
  pixels[39] = pixels[41] = 0;  // (6, 1) is green
  const std::string shown = TerminalPicture(picture, PictureProtocol::kSixel, 80);
  EXPECT_THAT(shown, StartsWith("\x1bPq\"1;1;2;7#0;2;0;0;0"));
  EXPECT_THAT(shown, HasSubstr("#251;2;100;100;100"));
  // Index = (red · 7 + green) · 6 + blue: red 210, green 36, white 251. '?' is no pixel, '@' the first line, '~' all.
  EXPECT_THAT(shown, HasSubstr("#210@$#251}~$-#36?@$#251@$-\x1b\\"));
}

TEST(TerminalPicture, OthersGetHalfBlocksOrNothing) {
  EXPECT_THAT(TerminalPicture(Noise(4, 4), PictureProtocol::kHalfBlocks, 80), HasSubstr("▀"));
  EXPECT_EQ(TerminalPicture(Noise(4, 4), PictureProtocol::kNone, 80), "");
}

}  // namespace
}  // namespace tessera::cli
