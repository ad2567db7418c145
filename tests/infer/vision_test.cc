// Pictures in requests: the goldens' answers, whatever the chunks and the company, and what the caches keep.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/golden.h"
#include "tessera/core/json.h"
#include "tessera/core/mapped_file.h"
#include "tessera/image/decode.h"
#include "tessera/infer/engine.h"
#include "tessera/infer/greedy.h"
#include "tessera/infer/picture_cache.h"
#include "tessera/models/vision_tensors.h"
#include "tessera/text/tokenizer.h"

namespace tessera::infer {
namespace {

using models::Golden;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::ThrowsMessage;

// A model of the goldens with what its prompts show.
struct Case {
  Golden golden;
  std::unique_ptr<models::LanguageModel> model = golden.Load();
  std::unique_ptr<text::Tokenizer> tokenizer = text::Tokenizer::Load(Golden::Folder(golden.name));
  Json about = ParseJson(ReadFile(Golden::Folder(golden.name) + "/case.json", 1 << 20), "case.json");

  explicit Case(const std::string& name) : golden(name) {}

  Tensor Picture(const std::string& name) const {
    return image::ReadImage(Golden::Folder(golden.name) + "/" + name + ".png");
  }

  std::vector<models::VisionInput> Inputs(const std::string& prompt) const {
    std::vector<models::VisionInput> inputs;
    const auto take = [&](const models::VisionTensors& tensors) {
      inputs.push_back(models::SplitVision(tensors, *model->vision())[0]);
    };
    for (const std::string picture : about["prompts"][prompt]["images"])
      take(
          {.pixel_values = golden[picture + ".pixel_values"],
           .image_grid_thw = golden[picture + (golden.expected.Has(picture + ".grid_hw") ? ".grid_hw" : ".grid_thw")]});
    if (!about["prompts"][prompt].value("video", false)) return inputs;
    models::VisionTensors video{.pixel_values_videos = golden["video.pixel_values"],
                                .video_grid_thw = golden["video.grid_thw"]};
    if (golden.expected.Has(prompt + ".second_per_grid_ts"))
      video.second_per_grid_ts = golden[prompt + ".second_per_grid_ts"];
    take(video);
    return inputs;
  }

  // Tokens that no answer may have.
  std::vector<int64_t> Placeholders() const {
    std::vector<int64_t> ids;
    for (const auto kind : {models::VisionKind::kImage, models::VisionKind::kVideo})
      if (const int64_t id = model->vision()->Placeholder(kind); id >= 0) ids.push_back(id);
    return ids;
  }

  std::vector<int64_t> Ids(const std::string& prompt) const {
    const Tensor ids = golden[prompt + ".input_ids"];
    return {ids.data<int64_t>().begin(), ids.data<int64_t>().end()};
  }

  // A request as the program makes it: the prompt's text and its picture files.
  Request Ask(const std::string& prompt, PictureCache& cache, int64_t tokens) const {
    std::vector<EncodedPicture> pictures;
    for (const std::string name : about["prompts"][prompt]["images"])
      pictures.push_back(cache.Encode(*model->vision(), Picture(name)));
    SeeingPrompt seeing =
        ShowPictures(*model, tokenizer->Encode(about["prompts"][prompt]["text"].get<std::string>()), pictures);
    Request request{.prompt = seeing.tokens, .vision = seeing.vision, .max_tokens = tokens, .ignore_eos = true};
    for (const int64_t id : Placeholders()) request.sampling.logit_bias[static_cast<int32_t>(id)] = -INFINITY;
    return request;
  }
};

std::vector<std::vector<int64_t>> RunAll(Engine& engine, std::vector<Request> requests) {
  std::vector<RequestId> order;
  std::map<RequestId, std::vector<int64_t>> answers;
  for (Request& request : requests) order.push_back(engine.Submit(std::move(request)));
  while (!engine.idle())
    for (const TokenEvent& event : engine.Step()) answers[event.id].push_back(event.token);
  std::vector<std::vector<int64_t>> all;
  for (const RequestId id : order) all.push_back(answers[id]);
  return all;
}

std::vector<Request> One(Request request) {
  std::vector<Request> requests;
  requests.push_back(std::move(request));
  return requests;
}

class SeeingEngine : public testing::TestWithParam<const char*> {};

TEST_P(SeeingEngine, GreedyAnswersMatchTheGoldens) {
  const Case c(GetParam());
  int compared = 0;
  for (const std::string prompt : {"p1", "p2", "pv"}) {
    if (!c.golden.expected.Has(prompt + ".greedy_ids")) continue;
    SCOPED_TRACE(prompt);
    ++compared;
    const std::vector<std::vector<int64_t>> ids = {c.Ids(prompt)};
    const auto vision = SeeInputs(*c.model->vision(), ids, c.Inputs(prompt));
    const Tensor expected = c.golden[prompt + ".greedy_ids"], margin = c.golden[prompt + ".greedy_margin"];
    const Tensor answer =
        Greedy(*c.model, ids, {.tokens = expected.numel(), .vision = vision, .never = c.Placeholders()});
    for (size_t i = 0; i < expected.data<int64_t>().size(); ++i) {
      if (margin.data<float>()[i] < 5e-3f) break;
      EXPECT_EQ(answer.data<int64_t>()[i], expected.data<int64_t>()[i]) << i;
    }
  }
  EXPECT_GE(compared, 1);
}

TEST_P(SeeingEngine, ChunksCompanyAndFullCachesChangeNothing) {
  const Case c(GetParam());
  PictureCache pictures;
  const auto answer = [&](int64_t chunk, const std::vector<std::string>& prompts, int64_t cache_tokens) {
    Engine engine(*c.model,
                  {.context = 256, .cache_tokens = cache_tokens, .cache_dtype = DType::kF32, .chunk_tokens = chunk});
    std::vector<Request> requests;
    for (const std::string& prompt : prompts) requests.push_back(c.Ask(prompt, pictures, 12));
    return RunAll(engine, std::move(requests));
  };
  const auto alone = answer(512, {"p2"}, 0);
  EXPECT_EQ(answer(7, {"p2"}, 0), alone);
  EXPECT_EQ(answer(1, {"p2"}, 0), alone);
  EXPECT_EQ(answer(60, {"p1", "p2", "p1"}, 1024)[1], alone[0]);
  EXPECT_EQ(answer(512, {"text", "p1", "p2"}, 256)[2], alone[0]) << "computed again after giving up its pages";
}

INSTANTIATE_TEST_SUITE_P(Cases, SeeingEngine, testing::Values("qwen2vl_fp32", "qwen25vl_bf16", "kimi_vl_fp32"),
                         [](const auto& test) { return std::string(test.param); });

// Placeholders are the same tokens whatever they stand for; the cache must not take one picture for another.
TEST(SeeingEngine, PagesAreSharedByEqualPicturesAndByNoOthers) {
  const Case c("qwen2vl_fp32");
  PictureCache pictures;
  Tensor other = c.Picture("image_a").Clone();
  other.mutable_data<uint8_t>()[0] ^= 255;
  const auto request = [&](const Tensor& picture) {
    SeeingPrompt prompt =
        ShowPictures(*c.model, c.tokenizer->Encode(c.about["prompts"]["p1"]["text"].get<std::string>()),
                     {pictures.Encode(*c.model->vision(), picture)});
    return Request{.prompt = prompt.tokens, .vision = prompt.vision, .max_tokens = 3, .ignore_eos = true};
  };
  const auto fresh = [&](const Tensor& picture) {
    Engine engine(*c.model, {.context = 256, .cache_dtype = DType::kF32});
    return RunAll(engine, One(request(picture)));
  };
  Engine engine(*c.model, {.context = 256, .cache_dtype = DType::kF32});
  EXPECT_EQ(RunAll(engine, One(request(c.Picture("image_a")))), fresh(c.Picture("image_a")));
  EXPECT_EQ(engine.stats().shared_tokens, 0);
  EXPECT_EQ(RunAll(engine, One(request(other))), fresh(other));
  EXPECT_EQ(engine.stats().shared_tokens, 0) << "another picture shares nothing";
  EXPECT_EQ(RunAll(engine, One(request(c.Picture("image_a")))), fresh(c.Picture("image_a")));
  EXPECT_EQ(engine.stats().shared_tokens, 64);
}

// A picture may be the very last thing of a prompt.
TEST(SeeingEngine, APictureAtTheEndIsSeenWhole) {
  const Case c("qwen2vl_fp32");
  PictureCache pictures;
  const auto logits = [&](int64_t chunk) {
    std::vector<float> first;
    Engine engine(*c.model, {.context = 128,
                             .cache_dtype = DType::kF32,
                             .chunk_tokens = chunk,
                             .observe_logits = [&](RequestId, int64_t, std::span<const float> row) {
                               if (first.empty()) first.assign(row.begin(), row.end());
                             }});
    SeeingPrompt prompt =
        ShowPictures(*c.model, {5, 6, 510}, {pictures.Encode(*c.model->vision(), c.Picture("image_a"))});
    RunAll(engine, One({.prompt = prompt.tokens, .vision = prompt.vision, .max_tokens = 2, .ignore_eos = true}));
    return first;
  };
  EXPECT_EQ(logits(512), logits(16)) << "17 tokens: the last one comes alone";
}

TEST(SeeingEngine, PicturesThatDoNotFitThePromptAreRefused) {
  const Case c("qwen2vl_fp32");
  Engine engine(*c.model, {.context = 128});
  const auto refused = [&](PromptVision vision, const char* what) {
    EXPECT_THAT(
        [&] {
          engine.Submit({.prompt = {1, 2, 3}, .vision = std::move(vision)});
        },
        ThrowsMessage<Error>(HasSubstr(what)));
  };
  const Tensor two = Tensor::Zeros({2, 64});
  refused({.features = {{.begin = 2, .features = two, .content = "x"}}}, "reach beyond the prompt");
  refused({.features = {{.begin = -1, .features = two, .content = "x"}}}, "overlap");
  refused({.features = {{.features = two, .content = "x"}, {.begin = 1, .features = two, .content = "y"}}}, "overlap");
  refused({.features = {{.features = Tensor::Zeros({2, 63}), .content = "x"}}}, "[N, 64]");
  refused({.features = {{.features = two, .content = ""}}}, "no digest");
  refused({.positions = Tensor::Zeros({3, 2}, DType::kI64)}, "i64 [3, 3]");
  refused({.positions = Tensor::Full({3, 3}, -1, DType::kI64)}, "out of range");
}

TEST(PictureCache, APictureIsEncodedOnceWhereverItComesFrom) {
  const Case c("qwen2vl_fp32");
  PictureCache cache;
  const EncodedPicture first = cache.Encode(*c.model->vision(), c.Picture("image_a"));
  cache.Encode(*c.model->vision(), c.Picture("image_b"));
  const EncodedPicture again = cache.Encode(*c.model->vision(), c.Picture("image_a").Clone());
  EXPECT_EQ(cache.encoded(), 2);
  EXPECT_EQ(cache.found(), 1);
  EXPECT_EQ(again.features.raw(), first.features.raw());
  EXPECT_EQ(first.seen.original, (image::ImageSize{97, 143}));
  EXPECT_EQ(first.features.dim(0), first.grid.patches() / 4);
}

TEST(PictureCache, TheLongestUnusedMakesRoom) {
  const Case c("qwen2vl_fp32");
  const models::VisionEncoder& eyes = *c.model->vision();
  PictureCache cache(1);  // room for none but the last
  cache.Encode(eyes, c.Picture("image_a"));
  cache.Encode(eyes, c.Picture("image_a"));
  EXPECT_EQ(cache.encoded(), 1);
  cache.Encode(eyes, c.Picture("image_b"));
  cache.Encode(eyes, c.Picture("image_a"));
  EXPECT_EQ(cache.encoded(), 3);
}

TEST(ShowPictures, PlaceholdersWithoutPicturesAndTheOtherWayRoundAreRefused) {
  const Case c("qwen2vl_fp32");
  PictureCache cache;
  const EncodedPicture picture = cache.Encode(*c.model->vision(), c.Picture("image_a"));
  EXPECT_THAT([&] { ShowPictures(*c.model, {1, 510}, {}); }, ThrowsMessage<Error>(HasSubstr("more placeholders")));
  EXPECT_THAT([&] { ShowPictures(*c.model, {1, 2}, {picture}); }, ThrowsMessage<Error>(HasSubstr("1 images")));
  const auto text = Golden("llama_smollm2_fp32").Load();
  EXPECT_THAT([&] { ShowPictures(*text, {1, 2}, {picture}); }, ThrowsMessage<Error>(HasSubstr("see no pictures")));
  EXPECT_EQ(ShowPictures(*text, {1, 2}, {}).tokens.size(), 2u);
}

}  // namespace
}  // namespace tessera::infer
