#include "tessera/image/encode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "tessera/core/mapped_file.h"
#include "tessera/image/decode.h"
#include "weights/temporary_folder.h"

namespace tessera::image {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

const std::string kFolder = std::string(TESSERA_TEST_DATA) + "/image/";

// A picture without sharp edges, which lossy formats keep well.
Tensor Smooth() {
  Tensor picture = Tensor::Empty({48, 64, 3}, DType::kU8);
  auto out = picture.mutable_data<uint8_t>();
  for (size_t i = 0; i < out.size(); ++i) {
    const size_t x = i / 3 % 64, y = i / 192;
    out[i] =
        static_cast<uint8_t>(128 + 100 * std::sin(0.05 * static_cast<double>(x + 2 * y) + static_cast<double>(i % 3)));
  }
  return picture;
}

double MeanLevels(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  double sum = 0;
  for (size_t i = 0; i < b.data<uint8_t>().size(); ++i) sum += std::abs(a.data<uint8_t>()[i] - b.data<uint8_t>()[i]);
  return sum / static_cast<double>(b.numel());
}

TEST(Encode, LosslessFormatsReadAsTheyWere) {
  for (const char* name : {"rgb.png", "rgba.png"}) {
    const Tensor picture = ReadImage(kFolder + name);
    EXPECT_EQ(MeanLevels(DecodeImage(EncodePng(picture)), picture), 0);
    EXPECT_EQ(MeanLevels(DecodeImage(EncodeWebp(picture)), picture), 0);
  }
}

TEST(Encode, LossyFormatsComeNearerAndGrowWithTheirQuality) {
  const Tensor picture = Smooth();
  for (const auto& encode : {+[](const Tensor&x, int quality) { return EncodeJpeg(x, quality); },
                             +[](const Tensor&x, int quality) { return EncodeWebp(x, WebpKind::kLossy, quality); }}) {
    const std::string good = encode(picture, 95), poor = encode(picture, 10);
    EXPECT_LT(MeanLevels(DecodeImage(good), picture), 2);
    EXPECT_LT(MeanLevels(DecodeImage(good), picture), MeanLevels(DecodeImage(poor), picture));
    EXPECT_LT(poor.size(), good.size());
  }
}

TEST(Encode, JpegPutsTransparencyOnWhite) {
  const Tensor clear = Tensor::Zeros({16, 16, 4}, DType::kU8);
  EXPECT_EQ(MeanLevels(DecodeImage(EncodeJpeg(clear)), Tensor::Full({16, 16, 3}, 255, DType::kU8)), 0);
}

TEST(Encode, WhatAFormatCannotHoldIsRefused) {
  const Tensor small = Tensor::Zeros({2, 2, 3}, DType::kU8), wide = Tensor::Zeros({1, 70'000, 3}, DType::kU8);
  EXPECT_THAT([&] { EncodeJpeg(wide); }, ThrowsMessage<Error>(HasSubstr("a side has 65500")));
  EXPECT_THAT([&] { EncodeWebp(wide); }, ThrowsMessage<Error>(HasSubstr("a side has 16383")));
  for (const int quality : {0, 101}) {
    EXPECT_THAT([&] { EncodeJpeg(small, quality); }, ThrowsMessage<Error>(HasSubstr("runs from 1 to 100")));
    EXPECT_THAT([&] { EncodeWebp(small, WebpKind::kLossy, quality); }, ThrowsMessage<Error>(HasSubstr("quality of")));
  }
  EXPECT_THROW(EncodePng(Tensor::Zeros({2, 2, 1}, DType::kU8)), Error);
  EXPECT_THROW(EncodeJpeg(Tensor::Zeros({2, 2, 1}, DType::kU8)), Error);
  EXPECT_THROW(EncodeWebp(Tensor::Zeros({2, 2, 3})), Error);
}

TEST(Encode, AFilesNameSaysItsFormat) {
  const TemporaryFolder folder;
  const Tensor picture = Smooth();
  for (const auto& [name, format] :
       {std::pair("a.png", "PNG"), {"a.jpg", "JPEG"}, {"a.JPEG", "JPEG"}, {"a.webp", "WebP"}}) {
    WritePicture(folder / name, picture);
    EXPECT_LT(MeanLevels(ReadImage(folder / name), picture), 2) << name;
    EXPECT_EQ(Name(ReadImageInfo(ReadFile(folder / name, 1 << 20)).format), format);
  }
  EXPECT_THAT([&] { WritePicture(folder / "a.gif", picture); }, ThrowsMessage<Error>(HasSubstr(".png, .jpg")));
  EXPECT_FALSE(std::filesystem::exists(folder / "a.gif"));
}

}  // namespace
}  // namespace tessera::image
