// The image tokenizer against the released module: codes, latents and pictures, in float32.

#include "tessera/models/vqgan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "models/golden.h"
#include "tessera/core/thread_pool.h"
#include "tessera/image/decode.h"
#include "tessera/models/chameleon_pictures.h"
#include "tessera/models/vqgan_files.h"

namespace tessera::models {
namespace {

constexpr float kLatents = 1e-3f, kPixels = 1e-3f;  // as the cases state them
constexpr float kMargin = 1e-3f;                    // where two codes are as near as that either is right

using Folder = std::filesystem::path;

// The two cases of tests/data, and that of released size beside the repository, where there is one.
std::vector<Folder> Cases() {
  std::vector<Folder> cases{Golden::Folder("chameleon_7b_style_fp32"), Golden::Folder("chameleon_34b_style_bf16")};
  const char* shared = std::getenv("TESSERA_SHARED");
  const Folder whole =
      Folder(shared != nullptr ? shared : TESSERA_SOURCE_DIR "/../shared") / "goldens/chameleon_vqgan_512";
  if (exists(whole / "vqgan.safetensors")) cases.push_back(whole);
  return cases;
}

VqGanFiles FilesOf(const Folder& folder) {
  auto files = VqGanFiles::Find(exists(folder / "tokenizer") ? folder / "tokenizer" : folder);
  Require(files.has_value(), "{}: no VQ-GAN", folder.string());
  return std::move(*files);
}

weights::SafetensorsFile GoldenOf(const Folder& folder) {
  return weights::SafetensorsFile::Open(folder / "golden.safetensors");
}

// [1, C, h, w] or [C, h, w] as it stands in other frameworks -> [h, w, C]
Tensor ChannelsLast(const Tensor& x) {
  const int64_t C = x.dim(-3), h = x.dim(-2), w = x.dim(-1);
  return x.Reshape({C, h * w}).Transpose(0, 1).Contiguous().Reshape({h, w, C});
}

void ExpectSameCodes(const Tensor& codes, const weights::SafetensorsFile& golden, const std::string& picture) {
  const Tensor expected = golden.Get(picture + ".vq_indices"), margin = golden.Get(picture + ".vq_margin");
  ASSERT_EQ(codes.numel(), expected.numel());
  for (size_t i = 0; i < static_cast<size_t>(codes.numel()); ++i)
    if (margin.data<float>()[i] > kMargin) {
      EXPECT_EQ(codes.data<int64_t>()[i], expected.data<int64_t>()[i]) << picture << ", code " << i;
    }
}

TEST(GoldenVqGan, PicturesBecomeTheirCodes) {
  for (const Folder& folder : Cases()) {
    SCOPED_TRACE(folder.string());
    const auto golden = GoldenOf(folder);
    const VqGanFiles files = FilesOf(folder);
    const VqEncoder encoder(files.config, files.Finder(), "");
    for (const std::string picture : {"image_a", "image_b"}) {
      if (!golden.Has(picture + ".vq_indices")) continue;
      const Tensor square = SquarePicture(image::ReadImage(folder / (picture + ".png")), files.config.resolution);
      const Tensor pixels = ToPixels(square);
      if (golden.Has(picture + ".vq_input")) {
        EXPECT_LE(MaxDifference(pixels.Reshape(square.shape()), ChannelsLast(golden.Get(picture + ".vq_input"))),
                  1e-6f);
      }
      const Tensor latents = encoder.Latents(pixels);
      if (golden.Has(picture + ".vq_latent")) {
        const float difference = MaxDifference(latents.Reshape({latents.dim(1), latents.dim(2), latents.dim(3)}),
                                               ChannelsLast(golden.Get(picture + ".vq_latent")));
        EXPECT_LE(difference, kLatents);
        RecordProperty(folder.filename().string() + "_latents", std::to_string(difference));
      }
      ExpectSameCodes(encoder.Codes(pixels), golden, picture);
    }
  }
}

// How many values differ: by one level at most, and only where `pixels` lie at a whole number but for rounding, since
// the fraction is cut off there.
int64_t CountDifferent(const Tensor& picture, const Tensor& expected, const Tensor& pixels) {
  EXPECT_EQ(picture.shape(), expected.shape());
  int64_t different = 0;
  for (size_t i = 0; i < static_cast<size_t>(expected.numel()); ++i) {
    const int own = picture.data<uint8_t>()[i], level = expected.data<uint8_t>()[i];
    if (own == level) continue;
    ++different;
    const float value = (std::clamp(pixels.data<float>()[i], -1.0f, 1.0f) + 1) * 127.5f;
    EXPECT_LE(std::abs(own - level), 1) << "value " << i;
    EXPECT_LE(std::abs(value - std::round(value)), 1e-3f) << "value " << i;
  }
  return different;
}

TEST(GoldenVqGan, CodesBecomeTheirPicture) {
  for (const Folder& folder : Cases()) {
    SCOPED_TRACE(folder.string());
    const auto golden = GoldenOf(folder);
    const VqGanFiles files = FilesOf(folder);
    const VqDecoder decoder(files.config, files.Finder(), "");
    for (const std::string name : {"recon_a", "random"}) {
      const Tensor pixels =
          decoder.Pixels(golden.Get("decode." + name + ".indices").Reshape({1, files.config.tokens()}));
      const Tensor expected = image::ReadImage(folder / ("decode_" + name + ".png"));
      if (golden.Has("decode." + name + ".pixels")) {
        const Tensor reference = ChannelsLast(golden.Get("decode." + name + ".pixels")).Reshape(pixels.shape());
        EXPECT_LE(MaxDifference(pixels, reference), kPixels);
        RecordProperty(folder.filename().string() + "_" + name, std::to_string(MaxDifference(pixels, reference)));
        EXPECT_EQ(CountDifferent(FromPixels(reference), expected, reference), 0) << "the rule for whole numbers";
      }
      EXPECT_LE(CountDifferent(FromPixels(pixels), expected, pixels), expected.numel() / 5000);
    }
  }
}

// Hugging Face's file holds the encoder alone, under its own names and in the checkpoint's dtype.
TEST(GoldenVqGan, TheEncoderInTheCheckpointGivesTheSameCodes) {
  for (const char* name : {"chameleon_7b_style_fp32", "chameleon_34b_style_bf16"}) {
    SCOPED_TRACE(name);
    const Golden golden(name);
    const VqGanConfig config = ReadVqConfig(golden.checkpoint.config()["vq_config"]);
    const VqEncoder encoder(
        config, [&](const std::string& tensor) { return golden.checkpoint.Find(tensor); }, "model.vqmodel.");
    const Tensor square = SquarePicture(image::ReadImage(Golden::Folder(name) + "/image_a.png"), config.resolution);
    ExpectSameCodes(encoder.Codes(ToPixels(square)), golden.expected, "image_a");
  }
}

TEST(VqGan, PicturesDependNeitherOnTheirCompanyNorOnThreads) {
  const Folder folder = Golden::Folder("chameleon_34b_style_bf16");
  const VqGanFiles files = FilesOf(folder);
  const VqEncoder encoder(files.config, files.Finder(), "");
  const Tensor one = ToPixels(SquarePicture(image::ReadImage(folder / "image_a.png"), files.config.resolution));
  Tensor two = Tensor::Zeros({2, one.dim(1), one.dim(2), 3});
  std::ranges::copy(one.data<float>(), two.mutable_data<float>().begin() + one.numel());
  const Tensor alone = encoder.Latents(one), together = encoder.Latents(two).Slice(0, 1, 2);
  EXPECT_EQ(MaxDifference(alone, together), 0);
  const int threads = ThreadCount();
  SetThreadCount(1);
  EXPECT_EQ(MaxDifference(alone, encoder.Latents(one)), 0);
  SetThreadCount(threads);
}

TEST(VqGan, WhatDoesNotFitIsRefused) {
  using testing::HasSubstr;
  using testing::ThrowsMessage;
  const Folder folder = Golden::Folder("chameleon_34b_style_bf16");
  const VqGanFiles files = FilesOf(folder);
  const VqDecoder decoder(files.config, files.Finder(), "");
  EXPECT_THAT(
      [&] {
        decoder.Pixels(Tensor::Zeros({1, 9}, DType::kI64));
      },
      ThrowsMessage<Error>(HasSubstr("codes must be i64 [B, 1024]")));
  EXPECT_THROW(decoder.Pixels(Tensor::Full({1, 1024}, 128, DType::kI64)), Error);
  VqGanConfig other = files.config;
  other.codes = 127;
  EXPECT_THAT([&] { VqDecoder(other, files.Finder(), ""); },
              ThrowsMessage<Error>(HasSubstr("quantize.embedding.weight")));
  EXPECT_THAT(
      [&] {
        VqEncoder(
            files.config, [](const std::string&) { return Tensor(); }, "");
      },
      ThrowsMessage<Error>(HasSubstr("encoder.conv_in.weight")));
  const auto refused = [](const Json& config, const char* message) {
    EXPECT_THAT([&] { ReadVqConfig(config); }, ThrowsMessage<Error>(HasSubstr(message)));
  };
  refused({{"resolution", 100}}, "a resolution of 100 must be at most 4096 and divide by two 4 times");
  refused({{"base_channels", 48}}, "must be a multiple of 32");
  refused({{"channel_multiplier", Json::array()}}, "0 levels");
  refused({{"num_res_blocks", -1}}, "\"num_res_blocks\" must be a whole number");
  refused({{"in_channels", 4}}, "must have 3 \"in_channels\"");
}

TEST(ChameleonPictures, TheMiddleOfAPictureOnWhite) {
  Tensor wide = Tensor::Zeros({2, 6, 4}, DType::kU8);
  for (size_t i = 0; i < 12; ++i) wide.mutable_data<uint8_t>()[4 * i + 3] = i % 6 == 2 ? 128 : 255;
  const Tensor square = SquarePicture(wide, 2);
  EXPECT_EQ(square.shape(), (Shape{2, 2, 3}));
  // Half-transparent black: (1 - 128 / 255) · 255 = 127, the rest opaque.
  EXPECT_THAT(square.data<uint8_t>(), testing::ElementsAre(127, 127, 127, 0, 0, 0, 127, 127, 127, 0, 0, 0));
}

TEST(ChameleonPictures, PixelsAreClampedAndCut) {
  const Tensor pixels = Tensor::From<float>({-7, -1, 0, 0.5f, 1, 7}, {1, 1, 2, 3});
  EXPECT_THAT(FromPixels(pixels).data<uint8_t>(), testing::ElementsAre(0, 0, 127, 191, 255, 255));
}

}  // namespace
}  // namespace tessera::models
