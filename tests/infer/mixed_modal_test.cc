#include "tessera/infer/mixed_modal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/golden.h"
#include "tessera/core/thread_pool.h"
#include "tessera/image/decode.h"
#include "tessera/infer/greedy.h"
#include "tessera/infer/picture_cache.h"
#include "tessera/models/place_vision.h"

namespace tessera::infer {
namespace {

using models::Golden;
using testing::HasSubstr;
using testing::ThrowsMessage;
using Form = MixedRequest::Form;

constexpr const char* kModel = "chameleon_34b_style_bf16";  // its pictures are small

struct Case {
  Golden golden;
  std::unique_ptr<models::LanguageModel> model = golden.Load();
  std::unique_ptr<text::Tokenizer> tokenizer = text::Tokenizer::Load(Golden::Folder(golden.name));
  const models::PictureVocabulary& vocabulary = model->picture_tokens()->vocabulary();

  explicit Case(const std::string& name = kModel) : golden(name) {}

  EngineOptions Options(int64_t context = 1200) const {
    return {.context = context, .cache_tokens = 3 * context, .cache_dtype = DType::kF32};
  }
  std::vector<int32_t> Prompt(const std::string& text) const { return tokenizer->Encode(text); }

  MixedAnswer Draw(const EngineOptions& options, uint64_t seed) const {
    Engine engine(*model, options);
    MixedRequest request{.prompt = Prompt("<s>Draw a fox"), .form = Form::kPicture};
    request.sampling.seed = seed;
    return GenerateMixed(engine, *model, *tokenizer, request, {});
  }
};

TEST(MixedModal, APictureHasExactlyItsTokensAndEnds) {
  const Case c;
  const MixedAnswer answer = c.Draw(c.Options(), 1);
  ASSERT_EQ(answer.pictures.size(), 1u);
  EXPECT_EQ(answer.ids.size(), 1026u);
  EXPECT_EQ(answer.ids.front(), c.vocabulary.begin);
  EXPECT_EQ(answer.ids.back(), c.vocabulary.end);
  for (const int32_t id : answer.pictures[0].ids)
    ASSERT_NE(std::ranges::find(c.vocabulary.image, id), c.vocabulary.image.end()) << id;
  EXPECT_EQ(answer.pictures[0].ids.size(), 1024u);
  EXPECT_EQ(answer.pictures[0].pixels.shape(), (Shape{64, 64, 3}));
  EXPECT_EQ(answer.text, "<image>");
  EXPECT_EQ(answer.finish, TextFinish::kStop);
}

TEST(MixedModal, APictureIsAFunctionOfTheSeed) {
  const Case c;
  const MixedAnswer once = c.Draw(c.Options(), 7);
  EXPECT_EQ(c.Draw(c.Options(), 7).ids, once.ids);
  EXPECT_NE(c.Draw(c.Options(), 8).ids, once.ids);
  EngineOptions chunked = c.Options();
  chunked.chunk_tokens = 5;
  EXPECT_EQ(c.Draw(chunked, 7).ids, once.ids);
  const int threads = ThreadCount();
  SetThreadCount(threads == 1 ? 2 : 1);
  EXPECT_EQ(c.Draw(c.Options(), 7).ids, once.ids);
  SetThreadCount(threads);
}

// A guided request beside others, and in a cache so small that contexts give up their pages to each other.
TEST(MixedModal, CompanyAndFullCachesChangeNothing) {
  const Case c;
  const std::vector<int32_t> pictured = [&] {
    std::vector<int32_t> prompt = c.Prompt("<s>Like this:");
    prompt.push_back(c.vocabulary.begin);
    for (size_t i = 0; i < 100; ++i) prompt.push_back(c.vocabulary.image[i % 7]);
    prompt.push_back(c.vocabulary.end);
    prompt.push_back(c.vocabulary.begin);
    return prompt;
  }();
  const auto ask = [&](std::vector<int32_t> prompt, uint64_t seed) {
    Request request{.prompt = prompt, .max_tokens = 90, .ignore_eos = true};
    request.sampling = PictureMode({}, c.vocabulary);
    request.sampling.seed = seed;
    if (prompt.back() == c.vocabulary.begin) request.guidance = GuidanceFor(prompt, c.vocabulary);
    return request;
  };
  const auto run = [&](const std::vector<std::vector<int32_t>>& prompts, int64_t cache_tokens) {
    Engine engine(*c.model, {.context = 256, .cache_tokens = cache_tokens, .cache_dtype = DType::kF32});
    std::map<RequestId, std::vector<int32_t>> answers;
    std::vector<RequestId> order;
    for (size_t i = 0; i < prompts.size(); ++i) order.push_back(engine.Submit(ask(prompts[i], i)));
    while (!engine.idle())
      for (const TokenEvent& event : engine.Step()) answers[event.id].push_back(event.token);
    std::vector<std::vector<int32_t>> all;
    for (const RequestId id : order) all.push_back(answers[id]);
    return std::pair(all, engine.stats().preemptions);
  };
  const std::vector<int32_t> plain = c.Prompt("<s>Some words"), fox = c.Prompt("<s>A fox<racm3:break>");
  const auto [together, calm] = run({pictured, plain, fox, pictured}, 2048);
  EXPECT_EQ(calm, 0);
  for (const std::vector<int32_t>& answer : together) EXPECT_EQ(answer.size(), 90u);
  EXPECT_EQ(run({pictured}, 2048).first[0], together[0]);
  const auto [crowded, preemptions] = run({pictured, plain, fox, pictured}, 640);
  EXPECT_GT(preemptions, 0);
  EXPECT_EQ(crowded, together);
}

// With a picture in the prompt: the same bits alone, in company, in chunks and for any number of threads.
TEST(MixedModal, AnAnswerAboutAPictureIsTheSameInAnyCompany) {
  const Case c;
  PictureCache cache;
  const Tensor picture = image::ReadImage(Golden::Folder(kModel) + "/image_a.png");
  const SeeingPrompt prompt = ShowPictures(*c.model, c.Prompt("<s>What is <image>?<reserved08706>"),
                                           {cache.Encode(*c.model->vision(), picture)});
  EXPECT_TRUE(prompt.vision.empty()) << "its tokens say all";
  EXPECT_GT(prompt.tokens.size(), 1026u);
  const auto answer = [&](int64_t chunk, bool company) {
    Engine engine(*c.model, {.context = 1200, .cache_tokens = 4096, .cache_dtype = DType::kF32, .chunk_tokens = chunk});
    MixedRequest mixed{.prompt = prompt.tokens, .form = Form::kText, .max_tokens = 12, .ignore_eos = true};
    mixed.sampling.seed = 3;
    Request request{.prompt = prompt.tokens, .max_tokens = 12, .ignore_eos = true};
    request.sampling = TextMode(mixed, c.vocabulary, 1200);
    if (company) engine.Submit({.prompt = c.Prompt("<s>Something else"), .max_tokens = 30, .ignore_eos = true});
    const RequestId id = engine.Submit(std::move(request));
    std::vector<int32_t> tokens;
    while (!engine.idle())
      for (const TokenEvent& event : engine.Step())
        if (event.id == id) tokens.push_back(event.token);
    return tokens;
  };
  const std::vector<int32_t> alone = answer(2048, false);
  EXPECT_EQ(alone.size(), 12u);
  EXPECT_EQ(answer(100, false), alone);
  EXPECT_EQ(answer(333, true), alone);
  const int threads = ThreadCount();
  SetThreadCount(threads == 1 ? 2 : 1);
  EXPECT_EQ(answer(2048, false), alone);
  SetThreadCount(threads);
}

TEST(MixedModal, TextModeDrawsWordsAlone) {
  const Case c;
  Engine engine(*c.model, c.Options(256));
  MixedRequest request{.prompt = c.Prompt("<s>Tell me"), .form = Form::kText, .max_tokens = 100, .ignore_eos = true};
  request.sampling.temperature = 5;
  const MixedAnswer answer = GenerateMixed(engine, *c.model, *c.tokenizer, request, {});
  EXPECT_EQ(answer.finish, TextFinish::kLength);
  EXPECT_EQ(answer.ids.size(), 100u);
  for (const int32_t id : answer.ids) EXPECT_TRUE(id == 2 || std::ranges::binary_search(c.vocabulary.text, id)) << id;
}

// A bias makes the model begin pictures: words, a picture, words again, until the context holds no more pictures.
TEST(MixedModal, WordsAndPicturesTakeTurns) {
  const Case c;
  Engine engine(*c.model, c.Options(1200));
  MixedRequest request{.prompt = c.Prompt("<s>Both"), .max_tokens = 6, .ignore_eos = true};
  request.sampling.logit_bias[c.vocabulary.begin] = 30;
  std::vector<std::string> told;
  const MixedAnswer answer = GenerateMixed(engine, *c.model, *c.tokenizer, request,
                                           {.text =
                                                [&](std::string_view piece) {
                                                  if (!piece.empty()) told.emplace_back(piece);
                                                  return true;
                                                },
                                            .progress = [](int64_t done, int64_t of) { return done <= of; },
                                            .picture = [&](const DrawnPicture&) { told.emplace_back("picture"); }});
  ASSERT_EQ(answer.pictures.size(), 1u) << "a second one does not fit the context";
  EXPECT_EQ(answer.finish, TextFinish::kLength);
  EXPECT_EQ(answer.ids.size(), 1026u + 6u);
  EXPECT_EQ(told.front(), "picture");
  EXPECT_THAT(answer.text, testing::StartsWith("<image>"));
}

TEST(MixedModal, AnInterruptedPictureIsDrawnFromWhatIsThere) {
  const Case c;
  Engine engine(*c.model, c.Options());
  const MixedRequest request{.prompt = c.Prompt("<s>Draw"), .form = Form::kPicture};
  const MixedAnswer answer = GenerateMixed(engine, *c.model, *c.tokenizer, request,
                                           {.text = {}, .progress = [](int64_t done, int64_t) { return done < 10; }});
  EXPECT_EQ(answer.finish, TextFinish::kInterrupted);
  ASSERT_EQ(answer.pictures.size(), 1u);
  EXPECT_EQ(answer.pictures[0].ids.size(), 10u);
  EXPECT_TRUE(engine.idle());
}

TEST(MixedModal, WhatCannotBeDrawnIsRefused) {
  const Case c;
  Engine small(*c.model, c.Options(300));
  EXPECT_THAT(
      [&] { GenerateMixed(small, *c.model, *c.tokenizer, {.prompt = c.Prompt("<s>x"), .form = Form::kPicture}, {}); },
      ThrowsMessage<Error>(HasSubstr("picture: its 1025 tokens do not fit behind")));
  Engine narrow(*c.model, {.context = 1200, .cache_dtype = DType::kF32});
  EXPECT_THAT(
      [&] { GenerateMixed(narrow, *c.model, *c.tokenizer, {.prompt = c.Prompt("<s>x"), .form = Form::kPicture}, {}); },
      ThrowsMessage<Error>(HasSubstr("guidance: three contexts take")));
  const Golden text("llama_smollm2_fp32");
  const auto llama = text.Load();
  EXPECT_THAT([&] { GenerateMixed(small, *llama, *c.tokenizer, {}, {}); },
              ThrowsMessage<Error>(HasSubstr("models of type \"llama\" draw no pictures")));
}

TEST(MixedModal, GreedyWordsBehindPicturesMatchTheGoldens) {
  for (const char* name : {"chameleon_7b_style_fp32", kModel}) {
    SCOPED_TRACE(name);
    const Case c(name);
    const auto ids = c.golden["p1.input_ids"].data<int64_t>();
    const std::vector<std::vector<int64_t>> prompts{{ids.begin(), ids.end()}};
    const Tensor expected = c.golden["p1.greedy_text_ids"], margin = c.golden["p1.greedy_margin"];
    std::vector<int64_t> never(c.vocabulary.image.begin(), c.vocabulary.image.end());
    never.insert(never.end(), {1, c.vocabulary.bos, c.vocabulary.begin, c.vocabulary.end});
    const Tensor answer = Greedy(*c.model, prompts, {.tokens = expected.numel(), .never = never});
    for (size_t i = 0; i < 32 && margin.data<float>()[i] >= 5e-3f; ++i)
      EXPECT_EQ(answer.data<int64_t>()[i], expected.data<int64_t>()[i]) << i;
  }
}

}  // namespace
}  // namespace tessera::infer
