// Kimi-VL: float32 arithmetic on the stored weights against a reference written in PyTorch, and what is refused.

#include "tessera/models/kimi_vl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/golden.h"
#include "tessera/core/json.h"
#include "tessera/core/mapped_file.h"
#include "tessera/core/thread_pool.h"
#include "tessera/image/decode.h"
#include "tessera/models/padded_batch.h"
#include "tessera/models/place_vision.h"
#include "tessera/models/vision_tensors.h"
#include "tessera/ops/interpolate.h"

namespace tessera::models {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr float kLogits = 1e-3f, kVision = 5e-4f, kPixels = 1e-6f;  // as the case states them

Tensor Named(const NamedTensors& results, const std::string& name) {
  const auto found = std::ranges::find(results, name, &NamedTensors::value_type::first);
  return found == results.end() ? Tensor() : found->second;
}

struct KimiVl : testing::Test {
  Golden golden{"kimi_vl_fp32"};
  std::unique_ptr<LanguageModel> model = golden.Load();
  const VisionEncoder& eyes = *model->vision();
  Json about = ParseJson(ReadFile(Golden::Folder(golden.name) + "/case.json", 1 << 20), "case.json");

  VisionInput Input(const std::string& picture) const {
    return SplitVision(
        {.pixel_values = golden[picture + ".pixel_values"], .image_grid_thw = golden[picture + ".grid_hw"]}, eyes)[0];
  }

  // What a prompt shows, in the order of its placeholders.
  std::vector<VisionInput> Inputs(const std::string& prompt) const {
    std::vector<VisionInput> inputs;
    for (const std::string picture : about["prompts"][prompt]["images"]) inputs.push_back(Input(picture));
    return inputs;
  }

  Tensor Picture(const std::string& name) const {
    return image::ReadImage(Golden::Folder(golden.name) + "/" + name + ".png");
  }
};

TEST_F(KimiVl, LogitsOfEveryPromptMatch) {
  for (const std::string prompt : {"p1", "p2", "p3", "text"}) {
    const auto results = RunForward(*model, {.input_ids = golden[prompt + ".input_ids"], .vision = Inputs(prompt)});
    const float difference = MaxDifference(Named(results, "logits"), golden[prompt + ".logits"]);
    EXPECT_LE(difference, kLogits) << prompt;
    RecordProperty(prompt, std::to_string(difference * 1e6));
  }
}

TEST_F(KimiVl, EveryLayerOfTheTowerMatches) {
  int layers = 0;
  const std::vector<VisionInput> inputs = {Input("image_a")};
  const Tensor features = eyes.Encode(inputs, [&](const std::string& layer, const Tensor& output) {
    const std::string name = layer == "pos_emb" ? "image_a.pos_emb" : "image_a.vision." + layer;
    const float difference = MaxDifference(output, golden[name]);
    EXPECT_LE(difference, kVision) << layer;
    RecordProperty(layer, std::to_string(difference * 1e6));
    ++layers;
  });
  EXPECT_EQ(layers, 5);
  EXPECT_LE(MaxDifference(features, golden["image_a.embeds"]), kVision);
}

TEST_F(KimiVl, PicturesOfDifferentSizesMatchWithoutPadding) {
  const std::vector<VisionInput> inputs = {Input("image_c"), Input("image_a"), Input("image_b")};
  const Tensor features = eyes.Encode(inputs);
  int64_t begin = 0;
  for (const std::string picture : {"image_c", "image_a", "image_b"}) {
    const Tensor expected = golden[picture + ".embeds"];
    EXPECT_LE(MaxDifference(features.Slice(0, begin, begin + expected.dim(0)), expected), kVision) << picture;
    begin += expected.dim(0);
  }
  EXPECT_EQ(begin, features.dim(0));
}

TEST_F(KimiVl, TheTableOfPositionsIsFittedToEachGrid) {
  const Tensor table = golden.checkpoint.Get("vision_tower.patch_embed.pos_emb.weight");
  for (const std::string picture : {"image_a", "image_b"}) {
    const auto grid = golden[picture + ".grid_hw"].data<int64_t>();
    EXPECT_LE(MaxDifference(ops::InterpolateGrid(table, grid[0], grid[1]), golden[picture + ".pos_emb"]), 2e-6f);
  }
}

TEST(InterpolateGrid, FollowsTorchsBicubicWithoutAntialiasing) {
  const auto golden =
      weights::SafetensorsFile::Open(std::string(TESSERA_TEST_DATA) + "/image_resize/golden.safetensors");
  for (const std::string pair : {"r0", "r2"}) {
    const Tensor expected = golden.Get(pair + ".torch_bicubic_noaa_f32");
    const Tensor y = ops::InterpolateGrid(golden.Get(pair + ".src").To(DType::kF32), expected.dim(0), expected.dim(1));
    EXPECT_LE(MaxDifference(y.Reshape(expected.shape()), expected), 1e-3f) << pair;  // of values to 255
  }
}

TEST_F(KimiVl, APictureHasTheSameBitsAloneInCompanyAndWithOneThread) {
  const auto inputs = Inputs("p3");
  const Tensor all = eyes.Encode(inputs), last = eyes.Encode(std::span(inputs).subspan(2));
  EXPECT_EQ(MaxDifference(all.Slice(0, all.dim(0) - last.dim(0), all.dim(0)), last), 0);
  const int threads = ThreadCount();
  SetThreadCount(1);
  EXPECT_EQ(MaxDifference(eyes.Encode(inputs), all), 0);
  SetThreadCount(threads);
}

TEST_F(KimiVl, PackedWeightsGiveTheSameBits) {
  const auto plain = golden.Load(LoadOptions{}), packed = golden.Load({.pack = true});
  const auto inputs = Inputs("p1");
  EXPECT_EQ(MaxDifference(packed->vision()->Encode(inputs), plain->vision()->Encode(inputs)), 0);
}

// No further from the exact values than twice a plain pass that rounds every result to bfloat16
// (tools/oracle/bf16_kimi_errors.py), layer by layer.
TEST_F(KimiVl, BFloat16ErrsNoMoreThanTwiceTheReference) {
  const Json errors =
      ParseJson(ReadFile(Golden::Folder(golden.name) + "/bf16_errors.json", 1 << 20), "bf16_errors.json");
  const auto narrow = golden.Load({.weights = DType::kBF16, .activations = DType::kBF16});
  int compared = 0;
  for (const auto& [name, values] :
       RunForward(*narrow, {.input_ids = golden["p1.input_ids"], .vision = Inputs("p1")})) {
    const std::string expected = name == "logits"          ? "p1.logits"
                                 : name == "vision_embeds" ? "image_a.embeds"
                                                           : "image_a." + name;
    if (!errors.contains(expected)) continue;
    const double error = RelativeError(values, golden[expected]);
    EXPECT_LE(error, 2 * errors[expected].get<double>()) << name;
    EXPECT_GT(error, 1e-5) << name << ": the pass did not compute in bfloat16";
    RecordProperty(name, std::to_string(error));
    ++compared;
  }
  EXPECT_EQ(compared, 6);
}

TEST_F(KimiVl, PicturesArePreparedAsTheProcessorDoes) {
  for (const std::string picture : {"image_a", "image_b", "image_c"}) {
    const VisionInput input = eyes.Prepare(Picture(picture));
    const auto grid = golden[picture + ".grid_hw"].data<int64_t>();
    EXPECT_EQ(input.grid, (image::PatchGrid{1, grid[0], grid[1]}));
    EXPECT_EQ(input.seen.encoded, (image::ImageSize{14 * grid[0], 14 * grid[1]}));
    const Tensor expected = golden[picture + ".pixel_values"];
    EXPECT_LE(MaxDifference(input.patches, expected.Reshape(input.patches.shape())), kPixels) << picture;
  }
}

TEST_F(KimiVl, WithoutPaddingTheMiddleOfWholeBlocksIsSeen) {
  const auto processor = [&](const char* settings) {
    const Json preprocessor = ParseJson(settings, "p");
    return KimiVlPictures({.config = golden.checkpoint.config(),
                           .generation_config = Json::object(),
                           .find = {},
                           .preprocessor_config = preprocessor});
  };
  const auto cropping = processor(R"({"pad_input": false})");
  EXPECT_EQ(cropping->Prepare(Tensor::Zeros({61, 90, 3}, DType::kU8)).grid, (image::PatchGrid{1, 4, 6}));
  EXPECT_THAT(
      [&] {
        cropping->Prepare(Tensor::Zeros({27, 90, 3}, DType::kU8));
      },
      ThrowsMessage<Error>(HasSubstr("90 x 27 pixels hold no block of 28")));
  const auto padding = processor("{}");
  EXPECT_EQ(padding->Prepare(Tensor::Zeros({61, 90, 3}, DType::kU8)).grid, (image::PatchGrid{1, 6, 8}));
  EXPECT_EQ(padding->Prepare(Tensor::Zeros({1, 1, 3}, DType::kU8)).grid, (image::PatchGrid{1, 2, 2}));
  EXPECT_THAT(
      [&] {
        padding->Prepare(Tensor::Zeros({7168, 14, 3}, DType::kU8));
      },
      ThrowsMessage<Error>(HasSubstr("512 x 2 patches; at most 511")));
}

TEST_F(KimiVl, LossAndEveryGradientMatchPyTorch) {
  const auto trained = golden.Load({.weights = DType::kF32});
  const auto results = RunGradient(
      *trained, {.input_ids = golden["train.input_ids"], .labels = golden["train.labels"], .vision = Inputs("p1")});
  EXPECT_LE(MaxDifference(Named(results, "loss"), golden["train.loss"]), 1e-5f);
  int compared = 0;
  for (const auto& info : golden.expected.tensors()) {
    if (!info.name.starts_with("grad.")) continue;
    const Tensor own = Named(results, info.name);
    ASSERT_TRUE(own.defined()) << info.name;
    EXPECT_LE(MaxDifference(own, golden[info.name]), 2e-3f * MaxAbs(golden[info.name]) + 1e-6f) << info.name;
    ++compared;
  }
  EXPECT_GT(compared, 60);
  EXPECT_TRUE(Named(results, "grad.vision_tower.patch_embed.pos_emb.weight").defined());
}

TEST_F(KimiVl, ConfigsThatMakeNoSenseAreRefusedByTheirKey) {
  const auto refused = [&](const char* part, const char* change, const char* what) {
    Json config = golden.checkpoint.config();
    if (*part == '\0')
      config.update(ParseJson(change, "c"));
    else
      config[part].update(ParseJson(change, "c"));
    EXPECT_THAT(
        [&] {
          LoadKimiVl({.config = config,
                      .generation_config = Json::object(),
                      .find = [&](const std::string& name) { return golden.checkpoint.Find(name); }},
                     {});
        },
        ThrowsMessage<Error>(HasSubstr(what)))
        << change;
  };
  refused("vision_config", R"({"num_hidden_layers": 100000})", "the limit is 1024");
  refused("vision_config", R"({"num_hidden_layers": 3})", "vision_tower.encoder.blocks.2.");
  refused("vision_config", R"({"num_attention_heads": 5})", "does not divide into 5 heads");
  refused("vision_config", R"({"merge_kernel_size": [2, 3]})", "\"merge_kernel_size\"");
  refused("vision_config", R"({"merge_kernel_size": [1, 1]})", "multi_modal_projector.linear_1.weight");
  refused("vision_config", R"({"patch_size": 16})", "vision_tower.patch_embed.proj.weight");
  refused("vision_config", R"({"init_pos_emb_height": 9})", "vision_tower.patch_embed.pos_emb.weight");
  refused("vision_config", R"({"init_pos_emb_width": 100000})", "the limit is 4096");
  refused("vision_config", R"({"hidden_size": "wide"})", "\"hidden_size\"");
  refused("text_config", R"({"kv_lora_rank": 25})", "language_model.model.layers.0.self_attn.");
  refused("", R"({"media_placeholder_token_id": 640})", "outside the vocabulary of 640");
  refused("", R"({"vision_config": 3})", "\"vision_config\" is missing");
  refused("", R"({"text_config": null})", "\"text_config\" is missing");
}

TEST_F(KimiVl, GridsAndPatchesThatDoNotFitAreRefused) {
  std::vector<VisionInput> inputs = {Input("image_a")};
  EXPECT_THAT([&] { eyes.Tokens({2, 4, 4}); }, ThrowsMessage<Error>(HasSubstr("must be 1 picture")));
  EXPECT_THAT([&] { eyes.Tokens({1, 3, 4}); }, ThrowsMessage<Error>(HasSubstr("multiples of 2")));
  EXPECT_THAT([&] { eyes.Tokens({1, 2, 512}); }, ThrowsMessage<Error>(HasSubstr("at most 511")));
  inputs[0].grid.h += 2;
  EXPECT_THAT([&] { eyes.Encode(inputs); }, ThrowsMessage<Error>(HasSubstr("patches of input 0 must be f32")));
  EXPECT_THROW(eyes.Encode({}), Error);
  const std::vector<int64_t> none = {1, 2};
  EXPECT_THAT([&] { ExpandPlaceholders(none, std::span(inputs), eyes); }, ThrowsMessage<Error>(HasSubstr("1 images")));
  inputs[0].kind = VisionKind::kVideo;
  EXPECT_THAT([&] { ExpandPlaceholders(none, std::span(inputs), eyes); }, ThrowsMessage<Error>(HasSubstr("1 videos")));
}

}  // namespace
}  // namespace tessera::models
