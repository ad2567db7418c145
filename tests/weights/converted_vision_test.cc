// Vision files that llama.cpp's own converter made from the checkpoints beside them (convert_hf_to_gguf.py --mmproj
// --outtype f16, release of November 2026). Kimi-VL's tower was given to it as of four blocks: it names the parts of
// the projector only up to the number of blocks, and the checkpoint has two.

#include <gtest/gtest.h>

#include <cmath>

#include "tessera/weights/checkpoint.h"
#include "tessera/weights/gguf_config.h"
#include "tessera/weights/gguf_vision.h"

namespace tessera::weights {
namespace {

class ConvertedVision : public ::testing::TestWithParam<const char*> {
 protected:
  Checkpoint original_ = Checkpoint::Open(std::string(TESSERA_TEST_DATA "/") + GetParam());
  GgufFile file_ = GgufFile::Open(std::string(TESSERA_TEST_DATA "/mmproj/") + GetParam() + ".f16.gguf");
  GgufVision vision_ = ReadGgufVision(file_);
};

TEST_P(ConvertedVision, HasTheCheckpointsTensorsRoundedToF16) {
  int64_t found = 0;
  for (const TensorInfo& info : original_.tensors()) {
    if (!info.name.starts_with("vis") && !info.name.starts_with("multi_modal_projector.")) continue;
    SCOPED_TRACE(info.name);
    const auto tensor = vision_.tensors.find(info.name);
    ASSERT_NE(tensor, vision_.tensors.end());
    const Tensor converted = GetVisionTensor(file_, tensor->second).To(DType::kF32);
    const Tensor expected = original_.Get(info.name).To(DType::kF32);
    ASSERT_EQ(converted.shape(), expected.shape());
    const auto x = converted.data<float>(), y = expected.data<float>();
    for (size_t i = 0; i < y.size(); ++i) ASSERT_LE(std::abs(x[i] - y[i]), std::abs(y[i]) / 2048 + 1e-7f) << i;
    ++found;
  }
  EXPECT_GT(found, 20);
  EXPECT_EQ(static_cast<size_t>(found), vision_.tensors.size());
}

TEST_P(ConvertedVision, HasTheCheckpointsSizes) {
  const Json& expected = original_.config()["vision_config"];
  EXPECT_EQ(vision_.family, original_.config()["model_type"]);
  EXPECT_EQ(vision_.width, TextConfig(original_.config())["hidden_size"]);
  for (const auto& [key, value] : vision_.vision_config.items()) {
    if (!expected.contains(key) || key == "window_size") continue;  // the converter leaves the window out
    EXPECT_EQ(value, expected[key]) << key;
  }
  if (vision_.family == "qwen2_5_vl") {
    EXPECT_EQ(vision_.vision_config["window_size"], 112);  // of the released models
  }
}

INSTANTIATE_TEST_SUITE_P(Files, ConvertedVision, ::testing::Values("qwen2vl_fp32", "qwen25vl_bf16", "kimi_vl_fp32"));

}  // namespace
}  // namespace tessera::weights
