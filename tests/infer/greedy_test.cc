#include "tessera/infer/greedy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tessera/models/load.h"
#include "tessera/weights/checkpoint.h"
#include "tessera/weights/safetensors.h"

namespace tessera::infer {
namespace {

class GreedyGolden : public testing::TestWithParam<const char*> {
 protected:
  std::string folder_ = std::string(TESSERA_TEST_DATA) + "/" + GetParam();
  weights::Checkpoint checkpoint_ = weights::Checkpoint::Open(folder_);
  std::unique_ptr<models::LanguageModel> model_ =
      models::LoadModel(checkpoint_, {.precision = ops::LinearPrecision::kExact});
};

TEST_P(GreedyGolden, ContinuesAsTransformersDoesInAnyCompany) {
  const auto golden = weights::SafetensorsFile::Open(folder_ + "/golden.safetensors");
  const Tensor prompt = golden.Get("greedy.prompt_ids"), expected = golden.Get("greedy.ids");
  const std::vector<int64_t> ids(prompt.data<int64_t>().begin(), prompt.data<int64_t>().end());
  const std::vector<std::vector<int64_t>> prompts{{9, 9, 4}, ids, {3}};
  const Tensor answers = Greedy(*model_, prompts, {.tokens = expected.numel()});
  const Tensor own = answers.Slice(0, 1, 2).Contiguous();
  EXPECT_THAT(own.data<int64_t>(), testing::ElementsAreArray(expected.data<int64_t>()));
}

TEST_P(GreedyGolden, WhatCannotBeContinuedIsRefused) {
  const auto greedy = [&](const std::vector<int64_t>& prompt, int64_t tokens) {
    return Greedy(*model_, std::vector<std::vector<int64_t>>{prompt}, {.tokens = tokens});
  };
  EXPECT_THROW(greedy({}, 4), Error);
  EXPECT_THROW(greedy({1 << 20}, 4), Error);
  EXPECT_THROW(greedy({1}, 0), Error);
  EXPECT_THROW(greedy({1}, 512), Error);
  EXPECT_EQ(greedy({1}, 511).shape(), (Shape{1, 511}));
}

INSTANTIATE_TEST_SUITE_P(Cases, GreedyGolden,
                         testing::Values("llama_smollm2_fp32", "llama_llama3rope_bf16_sharded", "qwen2_base_bf16"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace tessera::infer
