// Resizing against Pillow and PyTorch.

#include "tessera/image/resize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/for_each_isa.h"
#include "tessera/core/thread_pool.h"
#include "tessera/weights/safetensors.h"

namespace tessera::image {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

const std::string kGolden = std::string(TESSERA_TEST_DATA) + "/image_resize/golden.safetensors";
const std::vector<std::string> kPairs = {"r0", "r1", "r2", "r3", "r4"};

ImageSize TargetOf(const Tensor& expected) { return {expected.dim(0), expected.dim(1)}; }

int MaxLevels(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  int most = 0;
  for (size_t i = 0; i < b.data<uint8_t>().size(); ++i)
    most = std::max(most, std::abs(a.data<uint8_t>()[i] - b.data<uint8_t>()[i]));
  return most;
}

float MaxDifference(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  float most = 0;
  for (size_t i = 0; i < b.data<float>().size(); ++i)
    most = std::max(most, std::abs(a.data<float>()[i] - b.data<float>()[i]));
  return most;
}

TEST(Resize, BicubicAndLanczosHaveTheBitsOfPillowOnEveryInstructionSet) {
  const auto golden = weights::SafetensorsFile::Open(kGolden);
  ForEachIsa([&](Isa) {
    for (const std::string& pair : kPairs) {
      const Tensor source = golden.Get(pair + ".src"), bicubic = golden.Get(pair + ".pil_bicubic");
      EXPECT_EQ(MaxLevels(Resize(source, TargetOf(bicubic), ResizeFilter::kBicubic), bicubic), 0) << pair;
      const Tensor lanczos = golden.Get(pair + ".pil_lanczos");
      EXPECT_EQ(MaxLevels(Resize(source, TargetOf(lanczos), ResizeFilter::kLanczos), lanczos), 0) << pair;
    }
  });
}

TEST(Resize, BicubicIsWithinOneLevelOfTorchvision) {
  const auto golden = weights::SafetensorsFile::Open(kGolden);
  for (const std::string& pair : kPairs) {
    const Tensor expected = golden.Get(pair + ".tv_bicubic_u8");
    EXPECT_LE(MaxLevels(Resize(golden.Get(pair + ".src"), TargetOf(expected), ResizeFilter::kBicubic), expected), 1)
        << pair;
  }
}

TEST(Resize, FloatsFollowTorchWithAntialiasing) {
  const auto golden = weights::SafetensorsFile::Open(kGolden);
  for (const std::string pair : {"r0", "r2"}) {
    const Tensor source = golden.Get(pair + ".src").To(DType::kF32);
    const Tensor smooth = golden.Get(pair + ".torch_bicubic_aa_f32");
    EXPECT_LE(MaxDifference(ResizeFloat(source, TargetOf(smooth)), smooth), 1e-3f) << pair;
  }
}

TEST(Resize, ADifferentNumberOfChannelsChangesNoChannel) {
  const Tensor source = weights::SafetensorsFile::Open(kGolden).Get("r2.src");
  const Tensor rgb = ResizeFloat(source.To(DType::kF32), {50, 70});
  const Tensor red = ResizeFloat(source.Slice(2, 0, 1).Contiguous().To(DType::kF32), {50, 70});
  EXPECT_EQ(MaxDifference(red, rgb.Slice(2, 0, 1).Contiguous()), 0);
}

TEST(Resize, TheSameSizeIsTheSamePicture) {
  const Tensor source = weights::SafetensorsFile::Open(kGolden).Get("r4.src");
  EXPECT_EQ(Resize(source, {33, 57}, ResizeFilter::kBicubic).raw(), source.raw());
}

TEST(Resize, OneColourStaysThatColourAtAnySize) {
  Tensor plain = Tensor::Full({3, 5, 3}, 200, DType::kU8);
  for (const ImageSize size : {ImageSize{1, 1}, {2, 9}, {40, 3}, {7, 700}})
    for (const ResizeFilter filter : {ResizeFilter::kBicubic, ResizeFilter::kLanczos})
      EXPECT_EQ(MaxLevels(Resize(plain, size, filter), Tensor::Full({size.height, size.width, 3}, 200, DType::kU8)), 0);
}

TEST(Resize, TheSameBitsForAnyNumberOfThreads) {
  const Tensor source = weights::SafetensorsFile::Open(kGolden).Get("r1.src");
  const Tensor several = Resize(source, {100, 300}, ResizeFilter::kLanczos);
  const int threads = ThreadCount();
  SetThreadCount(1);
  const Tensor single = Resize(source, {100, 300}, ResizeFilter::kLanczos);
  SetThreadCount(threads);
  EXPECT_EQ(MaxLevels(single, several), 0);
}

TEST(Resize, WhatIsNoPictureIsRefused) {
  const Tensor picture = Tensor::Zeros({4, 4, 3}, DType::kU8);
  EXPECT_THAT([&] { Resize(picture, {0, 4}, ResizeFilter::kBicubic); }, ThrowsMessage<Error>(HasSubstr("4 x 0")));
  EXPECT_THROW(Resize(Tensor::Zeros({4, 4, 2}, DType::kU8), {4, 4}, ResizeFilter::kBicubic), Error);
  EXPECT_THROW(Resize(Tensor::Zeros({4, 4, 3}), {4, 4}, ResizeFilter::kBicubic), Error);
  EXPECT_THROW(ResizeFloat(picture, {4, 4}), Error);
}

}  // namespace
}  // namespace tessera::image
