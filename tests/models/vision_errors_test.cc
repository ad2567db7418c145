// Pictures, prompts and configs that do not fit: each error says what is wrong.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/golden.h"
#include "tessera/models/padded_batch.h"
#include "tessera/models/place_vision.h"
#include "tessera/models/qwen2_5_vl.h"
#include "tessera/models/qwen2_vl.h"
#include "tessera/models/vision_tensors.h"

namespace tessera::models {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr int64_t kImage = 510, kVideo = 511;

struct Vision : testing::Test {
  Golden golden{"qwen2vl_fp32"};
  std::unique_ptr<LanguageModel> model = golden.Load();
  const VisionEncoder& eyes = *model->vision();

  VisionInput Input(int64_t h, int64_t w, VisionKind kind = VisionKind::kImage, int64_t t = 1) const {
    return {.patches = Tensor::Zeros({t * h * w, eyes.patch_width()}), .grid = {t, h, w}, .kind = kind};
  }
};

TEST_F(Vision, PlaceholdersGrowToTheTokensOfTheirInputs) {
  const std::vector<int64_t> prompt = {1, kVideo, 2, kImage, kImage, 3};
  const std::vector<VisionInput> inputs = {Input(2, 4), Input(2, 2), Input(2, 2, VisionKind::kVideo, 3)};
  const auto ids = ExpandPlaceholders(prompt, inputs, eyes);
  EXPECT_THAT(ids, ElementsAre(1, kVideo, kVideo, kVideo, 2, kImage, kImage, kImage, 3));
  const auto places = FindPlaces(std::span(&ids, 1), inputs, eyes);
  ASSERT_EQ(places[0].size(), 3u);
  EXPECT_EQ(places[0][0].input, 2u);
  EXPECT_EQ(places[0][1].begin, 5);
  EXPECT_EQ(places[0][1].count, 2);
  EXPECT_EQ(places[0][2].begin, 7);
}

TEST_F(Vision, PlaceholdersAndPicturesMustMatch) {
  const std::vector<VisionInput> one = {Input(2, 4)};
  const auto expand = [&](std::vector<int64_t> ids) { return ExpandPlaceholders(ids, one, eyes); };
  EXPECT_THAT([&] { expand({1, 2}); }, ThrowsMessage<Error>(HasSubstr("1 images and 0 videos were given")));
  EXPECT_THAT([&] { expand({kImage, kImage}); }, ThrowsMessage<Error>(HasSubstr("more placeholders for images")));
  EXPECT_THAT([&] { expand({kImage, kVideo}); }, ThrowsMessage<Error>(HasSubstr("more placeholders for videos")));
  const std::vector<std::vector<int64_t>> cut = {{1, kImage, 2}};
  EXPECT_THAT([&] { FindPlaces(cut, one, eyes); },
              ThrowsMessage<Error>(HasSubstr("input 0 has 2 tokens, but 1 placeholders")));
}

TEST_F(Vision, FeaturesTakeTheRowsOfTheirPlaceholdersAlone) {
  const Tensor x = Tensor::From<float>({0, 1, 2, 3, 4, 5}, {3, 2}), f = Tensor::From<float>({8, 9}, {1, 2});
  EXPECT_THAT(PlaceFeatures(x, f, std::array<int64_t, 1>{1}).data<float>(), ElementsAre(0, 1, 8, 9, 4, 5));
  EXPECT_THROW(PlaceFeatures(x, f, {}), Error);
}

TEST_F(Vision, PatchesMustFillTheirGrid) {
  std::vector<VisionInput> inputs = {Input(2, 4)};
  inputs[0].grid.h = 4;
  EXPECT_THAT([&] { eyes.Encode(inputs); }, ThrowsMessage<Error>(HasSubstr("f32 [16, 1176]")));
  for (const image::PatchGrid grid : {image::PatchGrid{0, 2, 2}, {1, 3, 2}, {1, 2, -2}, {int64_t{1} << 40, 2, 2}})
    EXPECT_THAT([&] { eyes.Tokens(grid); }, ThrowsMessage<Error>(HasSubstr("multiples of 2")));
  EXPECT_THROW(eyes.Encode({}), Error);
  EXPECT_THROW(eyes.Prepare(Tensor::Zeros({1, 500, 3}, DType::kU8)), Error);
}

TEST_F(Vision, TensorsOfPatchesAndGridsBelongTogether) {
  const Tensor patches = Tensor::Zeros({8, 1176}), grid = Tensor::From<int64_t>({1, 2, 4}, {1, 3});
  const auto refused = [&](const VisionTensors& tensors, const char* what) {
    EXPECT_THAT([&] { SplitVision(tensors, eyes); }, ThrowsMessage<Error>(HasSubstr(what)));
  };
  EXPECT_EQ(SplitVision({.pixel_values = patches, .image_grid_thw = grid}, eyes).size(), 1u);
  refused({.pixel_values = patches}, "\"image_grid_thw\" belong together");
  refused({.pixel_values = patches.Slice(0, 0, 7).Contiguous(), .image_grid_thw = grid}, "fewer");
  refused({.pixel_values = Tensor::Zeros({9, 1176}), .image_grid_thw = grid}, "has 9 rows");
  refused({.pixel_values = Tensor::Zeros({8, 588}), .image_grid_thw = grid}, "[patches, 1176]");
  refused({.pixel_values = patches, .image_grid_thw = grid.Reshape({3, 1})}, "[N, 3]");
  refused({.pixel_values = patches, .image_grid_thw = grid.To(DType::kF32)}, "i64 [N, 3]");
  refused({.pixel_values_videos = patches, .video_grid_thw = grid, .second_per_grid_ts = Tensor::Zeros({2})},
          "one a video");
  refused({.pixel_values_videos = patches,
           .video_grid_thw = grid,
           .second_per_grid_ts = Tensor::Full({1}, std::numeric_limits<double>::quiet_NaN())},
          "second_per_grid_ts");
}

TEST_F(Vision, APictureBeforeAModelOfTextAloneIsRefused) {
  const auto text = Golden("llama_smollm2_fp32").Load();
  EXPECT_EQ(text->vision(), nullptr);
  EXPECT_THAT(
      [&] {
        RunForward(*text, {.input_ids = Tensor::Zeros({1, 3}, DType::kI64), .vision = {Input(2, 2)}});
      },
      ThrowsMessage<Error>(HasSubstr("see none")));
}

TEST_F(Vision, ConfigsThatMakeNoSenseAreRefusedByTheirKey) {
  const auto refused = [&](const char* change, const char* what) {
    Json config = golden.checkpoint.config();
    config["vision_config"].update(ParseJson(change, "c"));
    EXPECT_THAT(
        [&] {
          LoadQwen2Vl({.config = config,
                       .generation_config = Json::object(),
                       .find = [&](const std::string& name) { return golden.checkpoint.Find(name); }},
                      {});
        },
        ThrowsMessage<Error>(HasSubstr(what)))
        << change;
  };
  refused(R"({"depth": 100000})", "\"depth\"");
  refused(R"({"depth": 4})", "visual.blocks.3.");
  refused(R"({"num_heads": 5})", "does not divide into 5 heads");
  refused(R"({"in_channels": 4})", "4 colours");
  refused(R"({"patch_size": 16})", "visual.patch_embed.proj.weight");
  refused(R"({"hidden_act": "gelu"})", "quick_gelu");
  refused(R"({"embed_dim": "wide"})", "\"embed_dim\"");
}

TEST_F(Vision, AConfigWithoutItsVisionPartAndWrongProcessorsAreRefused) {
  const auto load = [&](const Json& config, const Json& processor) {
    LoadQwen2Vl({.config = config,
                 .generation_config = Json::object(),
                 .find = [&](const std::string& name) { return golden.checkpoint.Find(name); },
                 .preprocessor_config = processor},
                {});
  };
  Json config = golden.checkpoint.config();
  EXPECT_THAT([&] { load(config, ParseJson(R"({"min_pixels": 9, "max_pixels": 8})", "p")); },
              ThrowsMessage<Error>(HasSubstr("exceed max_pixels")));
  EXPECT_THAT([&] { load(config, ParseJson(R"({"image_std": [1, 1, 0]})", "p")); },
              ThrowsMessage<Error>(HasSubstr("image_std")));
  EXPECT_THAT([&] { load(config, ParseJson(R"({"image_mean": [1, 1]})", "p")); },
              ThrowsMessage<Error>(HasSubstr("image_mean")));
  EXPECT_NO_THROW(load(config, ParseJson(R"({"size": {"shortest_edge": 3136, "longest_edge": 9999}})", "p")));
  config.erase("vision_config");
  EXPECT_THAT([&] { load(config, Json::object()); }, ThrowsMessage<Error>(HasSubstr("\"vision_config\" is missing")));
}

TEST(VisionOf25, WindowsMustHoldAToken) {
  const Golden golden("qwen25vl_bf16");
  const auto refused = [&](const char* change, const char* what) {
    Json config = golden.checkpoint.config();
    config["vision_config"].update(ParseJson(change, "c"));
    EXPECT_THAT(
        [&] {
          LoadQwen2_5Vl({.config = config,
                         .generation_config = Json::object(),
                         .find = [&](const std::string& name) { return golden.checkpoint.Find(name); }},
                        {});
        },
        ThrowsMessage<Error>(HasSubstr(what)))
        << change;
  };
  refused(R"({"window_size": 20})", "\"window_size\"");
  refused(R"({"fullatt_block_indexes": [1, -3]})", "fullatt_block_indexes");
  refused(R"({"intermediate_size": 90})", "mlp.gate_proj.weight");
}

TEST(VisionOf25, ABatchOfSequencesTakesItsPicturesInTurn) {
  const Golden golden("qwen25vl_bf16");
  const auto model = golden.Load();
  const auto input = [&](const std::string& picture) {
    return SplitVision(
        {.pixel_values = golden[picture + ".pixel_values"], .image_grid_thw = golden[picture + ".grid_thw"]},
        *model->vision())[0];
  };
  // The first prompt of two pictures beside that of one: the shorter row is padded on the left.
  const Tensor one = golden["p1.input_ids"], two = golden["p2.input_ids"];
  const int64_t T = two.dim(1), pad = T - one.dim(1);
  std::vector<int64_t> ids(static_cast<size_t>(pad), 0), mask(static_cast<size_t>(2 * T), 1);
  std::fill_n(mask.begin(), pad, 0);
  for (const Tensor& row : {one, two}) ids.insert(ids.end(), row.data<int64_t>().begin(), row.data<int64_t>().end());
  const auto results = RunForward(*model, {.input_ids = Tensor::From<int64_t>(ids, {2, T}),
                                           .attention_mask = Tensor::From<int64_t>(mask, {2, T}),
                                           .vision = {input("image_a"), input("image_a"), input("image_b")}});
  const Tensor logits = std::ranges::find(results, "logits", &NamedTensors::value_type::first)->second;
  EXPECT_LE(MaxDifference(logits.Slice(0, 0, 1).Slice(1, pad, T), golden["p1.logits"]), 1e-3f);
  EXPECT_LE(MaxDifference(logits.Slice(0, 1, 2), golden["p2.logits"]), 1e-3f);
}

}  // namespace
}  // namespace tessera::models
