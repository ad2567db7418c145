// Picture files against Pillow, and files that lie.

#include "tessera/image/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "fuzz/read_image.h"
#include "replay_corpus.h"
#include "tessera/core/mapped_file.h"
#include "tessera/image/encode.h"
#include "tessera/weights/safetensors.h"

namespace tessera::image {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

const std::string kFolder = std::string(TESSERA_TEST_DATA) + "/image/";

std::string Bytes(const std::string& name) { return ReadFile(kFolder + name, 1 << 20); }

int MaxLevels(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  if (a.shape() != b.shape()) return 255;
  int most = 0;
  for (size_t i = 0; i < b.data<uint8_t>().size(); ++i)
    most = std::max(most, std::abs(a.data<uint8_t>()[i] - b.data<uint8_t>()[i]));
  return most;
}

// Where a colour is wholly transparent nothing can be compared but that.
int MaxVisibleLevels(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dim(2) == 4 ? MaxLevels(OnWhite(a), OnWhite(b)) : MaxLevels(a, b);
}

TEST(Decode, EveryFormatGivesWhatPillowReads) {
  const auto expected = weights::SafetensorsFile::Open(kFolder + "expected.safetensors");
  EXPECT_GT(expected.tensors().size(), 30u);
  for (const auto& info : expected.tensors()) {
    SCOPED_TRACE(info.name);
    const Tensor picture = ReadImage(kFolder + info.name);
    // Two versions of a lossy decoder may round otherwise; BMP's masks widen 5 bits to 8 in more than one way.
    const bool exact = info.name.ends_with(".png") || info.name.ends_with(".gif") ||
                       info.name.starts_with("lossless") ||
                       (info.name.ends_with(".bmp") && info.name != "masks565.bmp");
    EXPECT_LE(MaxVisibleLevels(picture, expected.Get(info.name)), exact ? 0 : 1);
    EXPECT_EQ(ReadImageInfo(Bytes(info.name)).size, (ImageSize{picture.dim(0), picture.dim(1)}));
  }
}

TEST(Decode, AFormatIsKnownByItsBytesAlone) {
  EXPECT_EQ(Name(ReadImageInfo(Bytes("rgb.png")).format), "PNG");
  EXPECT_EQ(Name(ReadImageInfo(Bytes("gray.jpg")).format), "JPEG");
  EXPECT_EQ(Name(ReadImageInfo(Bytes("lossy.webp")).format), "WebP");
  EXPECT_EQ(Name(ReadImageInfo(Bytes("runs.bmp")).format), "BMP");
  EXPECT_EQ(Name(ReadImageInfo(Bytes("frames.gif")).format), "GIF");
  EXPECT_THAT([] { ReadImageInfo("%PDF-1.7"); }, ThrowsMessage<Error>(HasSubstr("no PNG, JPEG, WebP, BMP or GIF")));
  EXPECT_THAT([] { DecodeImage(""); }, ThrowsMessage<Error>(HasSubstr("there are none")));
}

TEST(Decode, WithoutAlphaKeepsTheColoursAndOnWhiteBlendsThem) {
  const Tensor pixel = Tensor::From<uint8_t>({10, 20, 30, 0, 10, 20, 30, 128, 10, 20, 30, 255}, {1, 3, 4});
  EXPECT_THAT(WithoutAlpha(pixel).data<uint8_t>(), testing::ElementsAre(10, 20, 30, 10, 20, 30, 10, 20, 30));
  EXPECT_THAT(OnWhite(pixel).data<uint8_t>(), testing::ElementsAre(255, 255, 255, 132, 137, 142, 10, 20, 30));
}

// A PNG header of any size, followed by nothing.
std::string PngHeader(uint32_t width, uint32_t height) {
  std::string bytes = Bytes("rgb.png").substr(0, 33);
  for (int i = 0; i < 4; ++i) {
    bytes[16 + static_cast<size_t>(i)] = static_cast<char>(width >> (24 - 8 * i));
    bytes[20 + static_cast<size_t>(i)] = static_cast<char>(height >> (24 - 8 * i));
  }
  return bytes;
}

TEST(Decode, SizesAreJudgedBeforePixelsAreMade) {
  const auto refused = [](const std::string& bytes, const char* why) {
    EXPECT_THAT([&] { DecodeImage(bytes); }, ThrowsMessage<Error>(HasSubstr(why)));
  };
  refused(PngHeader(0x7fffffff, 0x7fffffff), "limit");
  refused(PngHeader(1u << 31, 1), "31 bits");
  refused(PngHeader(0, 9), "needs at least one");
  refused(PngHeader(2010, 10), "200 times");
  refused(PngHeader(8000, 8000), "cannot be in a PNG file of 33 bytes");
  std::string bmp = Bytes("rgb.bmp");
  bmp[20] = 1;  // width 37 + 65,536
  refused(bmp, "200 times");
  std::string gif = Bytes("whole.gif");
  gif[7] = gif[9] = 0x1f;  // about 8,000 x 8,000
  refused(gif, "cannot be in a GIF file");
}

TEST(Decode, LimitsAreTheCallers) {
  EXPECT_THAT([] { DecodeImage(Bytes("rgb.png"), {.max_pixels = 850}); },
              ThrowsMessage<Error>(HasSubstr("limit of 850")));
  EXPECT_NO_THROW(DecodeImage(Bytes("rgb.png"), {.max_pixels = 851}));
  EXPECT_THROW(DecodeImage(Bytes("rgb.png"), {.max_aspect = 1}), Error);
  EXPECT_THAT([] { ReadImage(kFolder + "rgb.png", {.max_file_bytes = 10}); },
              ThrowsMessage<Error>(HasSubstr("rgb.png")));
}

// A progressive picture whose last scan is repeated: each repetition would walk over all coefficients.
TEST(Decode, ThousandsOfScansAreRefused) {
  const std::string whole = Bytes("progressive.jpg");
  const size_t scan = whole.rfind("\xff\xda");
  std::string bomb = whole.substr(0, whole.size() - 2);
  for (int i = 0; i < 5000; ++i) bomb += whole.substr(scan, whole.size() - 2 - scan);
  bomb += "\xff\xd9";
  EXPECT_THAT([&] { DecodeImage(bomb); }, ThrowsMessage<Error>(HasSubstr("scans")));
}

// Ten thousand frames cost no more than the first.
TEST(Decode, OnlyTheFirstFrameOfAGifIsRead) {
  const std::string gif = Bytes("frames.gif");
  std::string many = gif.substr(0, gif.size() - 1);
  for (int i = 0; i < 10000; ++i) many += gif.substr(gif.size() / 2);
  EXPECT_EQ(MaxLevels(DecodeImage(many), DecodeImage(gif)), 0);
}

TEST(Decode, WhatIsCutShortIsAnErrorOrTheSamePicture) {
  for (const char* name : {"rgb.png", "palette.png", "quality90.jpg", "progressive.jpg", "lossless.webp", "lossy.webp",
                           "rgb.bmp", "runs.bmp", "whole.gif", "interlaced.gif"}) {
    const std::string bytes = Bytes(name);
    const Tensor whole = DecodeImage(bytes);
    for (size_t size = 0; size < bytes.size(); ++size) {
      SCOPED_TRACE(testing::Message() << name << " " << size);
      try {
        const Tensor part = DecodeImage(std::string_view(bytes).substr(0, size));
        EXPECT_EQ(MaxLevels(part, whole), 0);
      } catch (const Error&) {
      }
    }
  }
}

TEST(Decode, DamagedBytesAreAnErrorOrAPicture) {
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".safetensors") continue;
    SCOPED_TRACE(entry.path());
    const std::string bytes = ReadFile(entry.path(), 1 << 20);
    for (size_t i = 0; i < 400; ++i) {
      std::string damaged = bytes;
      // A fixed walk over places and values; the first bytes more often than their share.
      const size_t at = i % 2 == 0 ? i * 7919 % bytes.size() : i % std::min<size_t>(64, bytes.size());
      damaged[at] = static_cast<char>(i * 37 + at);
      EXPECT_NO_THROW(fuzz::ReadImage(damaged));
    }
  }
}

TEST(Decode, AnErrorNamesTheFileAndWhatIsWrong) {
  const std::string path = testing::TempDir() + "cut" + std::to_string(getpid()) + ".png";
  std::ofstream(path, std::ios::binary) << Bytes("rgb.png").substr(0, 100);
  EXPECT_THAT([&] { ReadImage(path); }, ThrowsMessage<Error>(AllOf(HasSubstr(path), HasSubstr("ends early"))));
  EXPECT_THROW(ReadImage("/nowhere.png"), Error);
}

TEST(FuzzReplay, Image) {
  const Replayed replayed = ReplayCorpus("image", fuzz::ReadImage);
  EXPECT_GT(replayed.files, 20);
  EXPECT_GT(replayed.valid, 20);
}

// An animated WebP: one frame, `still` as EncodeWebp writes it, at (left, top) of a canvas.
std::string Animation(const std::string& still, ImageSize canvas, ImageSize frame, int64_t left, int64_t top) {
  const auto little = [](int64_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xff);
    return text;
  };
  const auto chunk = [&](const std::string& name, const std::string& data) {
    return name + little(std::ssize(data), 4) + data + (data.size() % 2 == 1 ? std::string(1, '\0') : "");
  };
  const std::string body =
      "WEBP" + chunk("VP8X", little(0x12, 4) + little(canvas.width - 1, 3) + little(canvas.height - 1, 3)) +
      chunk("ANIM", little(0xffffffff, 4) + little(0, 2)) +
      chunk("ANMF", little(left / 2, 3) + little(top / 2, 3) + little(frame.width - 1, 3) +
                        little(frame.height - 1, 3) + little(100, 3) + little(0, 1) + still.substr(12));
  return "RIFF" + little(std::ssize(body), 4) + body;
}

TEST(DecodeWebp, OfAnAnimationTheFirstFrame) {
  Tensor small = Tensor::Zeros({2, 3, 3}, DType::kU8);
  for (size_t i = 0; i < 18; ++i) small.mutable_data<uint8_t>()[i] = static_cast<uint8_t>(10 * i + 5);
  const Tensor whole = DecodeImage(Animation(EncodeWebp(small), {2, 3}, {2, 3}, 0, 0));
  EXPECT_TRUE(std::ranges::equal(whole.data<uint8_t>(), small.data<uint8_t>()));
  const Tensor placed = DecodeImage(Animation(EncodeWebp(small), {4, 6}, {2, 3}, 2, 2));
  ASSERT_EQ(placed.shape(), (Shape{4, 6, 4}));
  for (int64_t y = 0; y < 4; ++y) {
    for (int64_t x = 0; x < 6; ++x) {
      const uint8_t* pixel = placed.data<uint8_t>().data() + (y * 6 + x) * 4;
      const bool within = y >= 2 && x >= 2 && x < 5;
      EXPECT_EQ(pixel[3], within ? 255 : 0) << y << " " << x;
      if (within) {
        EXPECT_EQ(pixel[1], small.data<uint8_t>()[static_cast<size_t>(((y - 2) * 3 + x - 2) * 3 + 1)]);
      }
    }
  }
}

TEST(DecodeWebp, DamagedAnimationsAreNamed) {
  const Tensor small = Tensor::Zeros({2, 3, 3}, DType::kU8);
  const std::string still = EncodeWebp(small), good = Animation(still, {4, 6}, {2, 3}, 2, 2);
  const auto refused = [](const std::string& bytes, const char* what) {
    EXPECT_THAT([&] { DecodeImage(bytes); }, ThrowsMessage<Error>(HasSubstr(what)));
  };
  refused(Animation(still, {4, 4}, {2, 3}, 2, 2), "reaches beyond");
  refused(Animation(still, {4, 6}, {2, 4}, 0, 0), "not of the size");
  for (size_t size = 0; size < good.size(); ++size) EXPECT_THROW(DecodeImage(good.substr(0, size)), Error) << size;
}

}  // namespace
}  // namespace tessera::image
