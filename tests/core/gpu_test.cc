// The GPU where there is none: nothing crashes, and errors say what is missing. Where there is one, tests/cuda tests
// it.
#include "tessera/core/gpu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tessera/core/tensor.h"

namespace tessera {
namespace {

using testing::HasSubstr;

class WithoutGpu : public testing::Test {
 protected:
  void SetUp() override {
    if (gpu::Available()) GTEST_SKIP() << "there is a GPU";
  }
};

TEST_F(WithoutGpu, AskingForOneSaysWhatIsMissing) {
  EXPECT_THAT([] { gpu::RequireAvailable(); }, ThrowsMessage<Error>(HasSubstr("GPU: ")));
  EXPECT_THROW(gpu::WorkStream(), Error);
  EXPECT_THROW(gpu::Allocate(100), Error);
}

TEST_F(WithoutGpu, TensorsCannotGoThere) {
  EXPECT_THROW(Tensor::Empty({4}, DType::kF32, Device::kCuda), Error);
  EXPECT_THROW(Tensor::Zeros({4}).To(Device::kCuda), Error);
}

TEST_F(WithoutGpu, TensorsHereAreHere) {
  const Tensor x = Tensor::From<float>({1, 2}, {2});
  EXPECT_EQ(x.device(), Device::kCpu);
  EXPECT_EQ(x.To(Device::kCpu).raw(), x.raw()) << "no copy";
  EXPECT_THROW(static_cast<void>(x.gpu_data()), Error);
}

// A view of memory that is said to be elsewhere is never read here.
TEST(OnGpu, ValuesElsewhereAreNotReadHere) {
  const auto memory = std::make_shared<std::vector<float>>(4, 1.0f);
  const Tensor x = Tensor::OnGpu(memory, memory->data(), {2, 2}, DType::kF32);
  EXPECT_EQ(x.device(), Device::kCuda);
  EXPECT_THAT([&] { static_cast<void>(x.data<float>()); },
              ThrowsMessage<Error>(HasSubstr("the values f32 [2, 2] are on the GPU")));
  EXPECT_THROW(static_cast<void>(x.raw()), Error);
  EXPECT_EQ(x.Slice(0, 1, 2).gpu_data<float>(), memory->data() + 2) << "a row is a view there too";
  EXPECT_EQ(x.Reshape({4}).device(), Device::kCuda);
  EXPECT_THROW(static_cast<void>(x.Transpose(0, 1).gpu_data()), Error) << "kernels there want values in order";
}

}  // namespace
}  // namespace tessera
