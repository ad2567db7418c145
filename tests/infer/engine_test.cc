#include "tessera/infer/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "infer/tiny_model.h"
#include "tessera/core/random.h"
#include "tessera/core/thread_pool.h"

namespace tessera::infer {
namespace {

using Ids = std::vector<int32_t>;

Ids RandomIds(int64_t count, uint64_t seed, int64_t vocab = 320) {
  Random random(seed);
  Ids ids(static_cast<size_t>(count));
  for (int32_t& id : ids) id = static_cast<int32_t>(random.Below(static_cast<uint64_t>(vocab)));
  return ids;
}

struct Outcome {
  Ids tokens;
  std::vector<std::vector<float>> logits;  // before each token
  FinishReason finish = FinishReason::kNone;
};

// Runs all requests to their ends; the outcome of each, in order.
std::vector<Outcome> RunAll(const models::LanguageModel& model, std::vector<Request> requests, EngineOptions options,
                            EngineStats* stats = nullptr) {
  std::map<RequestId, Outcome> outcomes;
  options.observe_logits = [&](RequestId id, int64_t, std::span<const float> logits) {
    outcomes[id].logits.emplace_back(logits.begin(), logits.end());
  };
  Engine engine(model, options);
  for (Request& request : requests) outcomes[engine.Submit(std::move(request))];
  for (int steps = 0; !engine.idle(); ++steps) {
    if (steps == 10000) ADD_FAILURE() << "the engine does not come to an end";
    if (steps == 10000) break;
    for (const TokenEvent& event : engine.Step()) {
      Outcome& outcome = outcomes[event.id];
      if (event.token >= 0) outcome.tokens.push_back(event.token);
      outcome.finish = event.finish;
    }
  }
  EXPECT_EQ(engine.cache().available(), engine.cache().page_count());  // nothing leaks
  if (stats != nullptr) *stats = engine.stats();
  std::vector<Outcome> result;
  for (auto& [id, outcome] : outcomes) result.push_back(std::move(outcome));
  return result;
}

Request Plain(Ids prompt, int64_t max_tokens) {
  return {.prompt = std::move(prompt), .max_tokens = max_tokens, .ignore_eos = true};
}

bool SameBits(const Outcome& a, const Outcome& b) {
  if (a.tokens != b.tokens || a.logits.size() != b.logits.size()) return false;
  for (size_t i = 0; i < a.logits.size(); ++i) {
    if (std::memcmp(a.logits[i].data(), b.logits[i].data(), a.logits[i].size() * sizeof(float)) != 0) return false;
  }
  return true;
}

class SameBitsTest : public testing::TestWithParam<DType> {};

// The promise of the whole design: the answer does not depend on the company, the chunks or the threads.
TEST_P(SameBitsTest, AloneInABatchInChunksAndOnAnyNumberOfThreads) {
  const TinyModel tiny(GetParam());
  const Ids prompt = RandomIds(150, 1);
  const EngineOptions defaults{.context = 256, .cache_tokens = 4096, .cache_dtype = DType::kF32};
  const auto alone = [&](EngineOptions options) {
    std::vector<Request> requests;
    requests.push_back(Plain(prompt, 20));
    return RunAll(*tiny.model, std::move(requests), options)[0];
  };
  SetThreadCount(1);
  const Outcome expected = alone(defaults);
  ASSERT_EQ(expected.tokens.size(), 20u);
  for (const int64_t chunk : {1, 17, 512}) {
    EngineOptions options = defaults;
    options.chunk_tokens = chunk;
    EXPECT_TRUE(SameBits(alone(options), expected)) << "chunks of " << chunk;
  }
  for (const int threads : {2, 4}) {
    SetThreadCount(threads);
    EXPECT_TRUE(SameBits(alone(defaults), expected)) << threads << " threads";
  }
  for (const int threads : {1, 4}) {
    SetThreadCount(threads);
    std::vector<Request> company;
    company.push_back(Plain(RandomIds(3, 2), 30));
    company.push_back(Plain(RandomIds(90, 3), 5));
    company.push_back(Plain(prompt, 20));
    for (uint64_t i = 0; i < 5; ++i) company.push_back(Plain(RandomIds(20 + 31 * static_cast<int64_t>(i), 4 + i), 12));
    EngineOptions options = defaults;
    options.chunk_tokens = 100;
    EXPECT_TRUE(SameBits(RunAll(*tiny.model, std::move(company), options)[2], expected)) << "in company";
  }
  SetThreadCount(2);
}

INSTANTIATE_TEST_SUITE_P(DTypes, SameBitsTest,
                         testing::Values(DType::kF32, DType::kBF16, DType::kQ8_0, DType::kQ4_0, DType::kQ4_1),
                         [](const auto& tested) { return std::string(Name(tested.param)); });

TEST(Engine, CachesOfEveryTypeGiveTheSameBitsInAnyCompany) {
  const TinyModel tiny;
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) {
    EngineOptions options{.context = 256, .cache_tokens = 1024, .cache_dtype = dtype};
    std::vector<Request> one, three;
    one.push_back(Plain(RandomIds(100, 1), 10));
    for (uint64_t i = 1; i <= 3; ++i) three.push_back(Plain(RandomIds(100, i), 10));
    const Outcome expected = RunAll(*tiny.model, std::move(one), options)[0];
    options.chunk_tokens = 33;
    EXPECT_TRUE(SameBits(RunAll(*tiny.model, std::move(three), options)[0], expected)) << Name(dtype);
  }
}

// A repetitive prompt, so that lookups are often right, and sampled tokens, so that they are often wrong.
Request Looking(const Ids& prompt, int64_t max_tokens, const SamplingOptions& sampling) {
  return {
      .prompt = prompt,
      .max_tokens = max_tokens,
      .ignore_eos = true,
      .sampling = sampling,
      .strategy = std::make_unique<PromptLookupDecoding>(PromptLookupDecoding::Options{.ngram = 2, .min_ngram = 1})};
}

TEST(Engine, PromptLookupGivesExactlyThePlainAnswer) {
  for (const DType dtype : {DType::kF32, DType::kQ8_0}) {
    const TinyModel tiny(dtype);
    Ids prompt;
    for (int i = 0; i < 12; ++i) prompt.insert(prompt.end(), {5, 9, 17, 33, 65});
    for (const float temperature : {0.0f, 0.3f}) {
      const SamplingOptions sampling{.temperature = temperature, .top_k = 4, .repetition_penalty = 1.1f, .seed = 7};
      const EngineOptions options{.context = 256, .cache_dtype = DType::kF32};
      std::vector<Request> plain, looking;
      plain.push_back({.prompt = prompt, .max_tokens = 80, .ignore_eos = true, .sampling = sampling});
      looking.push_back(Looking(prompt, 80, sampling));
      EngineStats stats;
      const Outcome expected = RunAll(*tiny.model, std::move(plain), options)[0];
      const Outcome found = RunAll(*tiny.model, std::move(looking), options, &stats)[0];
      EXPECT_TRUE(SameBits(found, expected)) << Name(dtype) << " at temperature " << temperature;
      EXPECT_GT(stats.guessed, 0);
      EXPECT_LE(stats.passes, 81);
    }
  }
}

// Guesses a bushy tree whose branches mislead except one.
class BushyGuesses : public Strategy {
 public:
  explicit BushyGuesses(Ids truth) : truth_(std::move(truth)) {}
  TokenTree Propose(std::span<const int32_t> history, int64_t max_nodes) override {
    TokenTree tree{.tokens = {history.back()}, .parents = {-1}};
    const size_t at = history.size();
    const auto add = [&](int32_t token, int32_t parent) {
      if (std::ssize(tree.tokens) >= max_nodes) return;
      tree.tokens.push_back(token);
      tree.parents.push_back(parent);
    };
    if (at + 2 >= truth_.size()) return tree;
    add(truth_[at] == 3 ? 4 : 3, 0);  // wrong
    add(truth_[at], 0);               // right
    add(11, 1);                       // below the wrong one
    add(truth_[at + 1], 2);           // right again
    add(truth_[at + 1] == 8 ? 9 : 8, 2);
    return tree;
  }
  void Observe(int64_t, int64_t confirmed) override { confirmed_ += confirmed; }
  int64_t confirmed_ = 0;

 private:
  Ids truth_;  // prompt and answer
};

TEST(Engine, ABranchingTreeGivesThePlainTokensAndMovesItsPath) {
  const TinyModel tiny;
  const Ids prompt = RandomIds(70, 5);
  const EngineOptions options{.context = 256, .cache_dtype = DType::kF32};
  std::vector<Request> plain, bushy;
  plain.push_back(Plain(prompt, 40));
  const Outcome expected = RunAll(*tiny.model, std::move(plain), options)[0];
  Ids truth = prompt;
  truth.insert(truth.end(), expected.tokens.begin(), expected.tokens.end());
  Request request = Plain(prompt, 40);
  request.strategy = std::make_unique<BushyGuesses>(truth);
  bushy.push_back(std::move(request));
  EngineStats stats;
  const Outcome found = RunAll(*tiny.model, std::move(bushy), options, &stats)[0];
  EXPECT_EQ(found.tokens, expected.tokens);
  EXPECT_GT(stats.confirmed, 20);
  EXPECT_LT(stats.passes, 20);
  for (size_t i = 0; i < expected.logits.size(); ++i) {
    for (size_t j = 0; j < expected.logits[i].size(); ++j) {
      ASSERT_NEAR(found.logits[i][j], expected.logits[i][j], 1e-4) << "token " << i;
    }
  }
}

TEST(Engine, AFullCacheDelaysSequencesButChangesNothing) {
  const TinyModel tiny;
  const auto requests = [] {
    std::vector<Request> list;
    for (uint64_t i = 0; i < 6; ++i) list.push_back(Plain(RandomIds(100, 20 + i), 60));
    return list;
  };
  EngineOptions options{.context = 192, .cache_tokens = 4096, .cache_dtype = DType::kF32};
  const auto roomy = RunAll(*tiny.model, requests(), options);
  options.cache_tokens = 448;  // room for two of them
  EngineStats stats;
  const auto tight = RunAll(*tiny.model, requests(), options, &stats);
  ASSERT_EQ(tight.size(), roomy.size());
  for (size_t i = 0; i < roomy.size(); ++i) EXPECT_TRUE(SameBits(tight[i], roomy[i])) << "sequence " << i;
}

TEST(Engine, AnEarlierPromptWithTheSameBeginningIsNotComputedAgain) {
  const TinyModel tiny;
  Engine engine(*tiny.model, {.context = 512, .cache_tokens = 2048, .cache_dtype = DType::kF32});
  const Ids prompt = RandomIds(200, 1);
  const auto answer = [&](Ids ids) {
    engine.Submit(Plain(std::move(ids), 5));
    Ids tokens;
    while (!engine.idle()) {
      for (const TokenEvent& event : engine.Step()) tokens.push_back(event.token);
    }
    return tokens;
  };
  const Ids first = answer(prompt);
  EXPECT_EQ(engine.stats().shared_tokens, 0);
  EXPECT_EQ(answer(prompt), first);
  EXPECT_EQ(engine.stats().shared_tokens, 192);  // three whole pages
  EXPECT_EQ(engine.stats().prompt_tokens, 200 + 8);
}

TEST(Engine, WhatWasPutOffHappensOnceBetweenTheFirstPassAndTheSecond) {
  const TinyModel tiny;
  int calls = 0;
  int64_t answered = -1;
  std::unique_ptr<Engine> engine;
  const EngineOptions options = {.before_second_pass = [&] {
    ++calls;
    answered = engine->stats().answer_tokens;
  }};
  engine = std::make_unique<Engine>(*tiny.model, options);
  engine->Submit(Plain(RandomIds(9, 1), 1));
  while (!engine->idle()) engine->Step();
  engine->Step();  // nothing to do
  EXPECT_EQ(calls, 0);
  engine->Submit(Plain(RandomIds(9, 2), 5));
  while (!engine->idle()) engine->Step();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(answered, 1);
}

TEST(Engine, FinishReasonsAreToldApart) {
  const TinyModel tiny;
  const EngineOptions options{.context = 40, .cache_dtype = DType::kF32};
  const auto finish = [&](Request request) {
    std::vector<Request> requests;
    requests.push_back(std::move(request));
    return RunAll(*tiny.model, std::move(requests), options)[0];
  };
  const Outcome by_length = finish(Plain(RandomIds(10, 1), 5));
  EXPECT_EQ(by_length.finish, FinishReason::kLength);
  EXPECT_EQ(by_length.tokens.size(), 5u);
  const Outcome by_context = finish(Plain(RandomIds(10, 1), -1));
  EXPECT_EQ(by_context.finish, FinishReason::kContext);
  EXPECT_EQ(by_context.tokens.size(), 30u);
  Request stopping = Plain(RandomIds(10, 1), 5);
  stopping.stop_ids = {by_length.tokens[2]};
  const Outcome by_stop = finish(std::move(stopping));
  EXPECT_EQ(by_stop.finish, FinishReason::kStop);
  EXPECT_LE(by_stop.tokens.size(), 3u);
  const Outcome nothing = finish(Plain(RandomIds(10, 1), 0));
  EXPECT_EQ(nothing.finish, FinishReason::kLength);
  EXPECT_TRUE(nothing.tokens.empty());
}

TEST(Engine, CancelledRequestsFreeTheirPagesAndLeaveTheOthersAlone) {
  const TinyModel tiny;
  Engine engine(*tiny.model, {.context = 128, .cache_tokens = 512, .cache_dtype = DType::kF32});
  const RequestId gone = engine.Submit(Plain(RandomIds(50, 1), 60));
  const RequestId kept = engine.Submit(Plain(RandomIds(50, 2), 20));
  engine.Step();
  engine.Cancel(gone);
  engine.Cancel(gone);
  int64_t tokens = 1;  // its first came with the first step
  while (!engine.idle()) {
    for (const TokenEvent& event : engine.Step()) {
      EXPECT_EQ(event.id, kept);
      ++tokens;
    }
  }
  EXPECT_EQ(tokens, 20);
  EXPECT_EQ(engine.cache().available(), engine.cache().page_count());
}

TEST(Engine, BadRequestsAreRefusedWithAReason) {
  const TinyModel tiny;
  Engine engine(*tiny.model, {.context = 64});
  const auto message = [&](Request request) -> std::string {
    try {
      engine.Submit(std::move(request));
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  };
  EXPECT_THAT(message(Plain({}, 5)), testing::HasSubstr("empty"));
  EXPECT_THAT(message(Plain(RandomIds(64, 1), 5)), testing::HasSubstr("64 tokens but the context holds 64"));
  EXPECT_THAT(message(Plain({5, 320}, 5)), testing::HasSubstr("token 320"));
  EXPECT_THAT(message(Plain({-1}, 5)), testing::HasSubstr("token -1"));
  EXPECT_THAT(message({.prompt = {1}, .sampling = {.temperature = -2}}), testing::HasSubstr("temperature"));
  EXPECT_THAT(message({.prompt = {1}, .sampling = {.logit_bias = {{320, 1.0f}}}}), testing::HasSubstr("token 320"));
  EXPECT_TRUE(engine.idle());
  EXPECT_THROW(Engine(*tiny.model, {.context = 64, .cache_tokens = 32}), Error);
  EXPECT_THROW(Engine(*tiny.model, {.context = INT64_MAX}), Error);
  EXPECT_THROW(Engine(*tiny.model, {.context = 64, .cache_tokens = INT64_MAX}), Error);
}

// A page that once held damaged values must not harm the sequence that uses it next.
TEST(Engine, OldContentsOfAPageDoNotReachItsNextOwner) {
  const TinyModel tiny;
  const EngineOptions options{.context = 128, .cache_dtype = DType::kF32};
  std::vector<Request> requests;
  requests.push_back(Plain(RandomIds(30, 1), 10));
  const Outcome expected = RunAll(*tiny.model, std::move(requests), options)[0];
  EngineOptions watched = options;
  Outcome found;
  watched.observe_logits = [&](RequestId, int64_t, std::span<const float> z) {
    found.logits.emplace_back(z.begin(), z.end());
  };
  Engine engine(*tiny.model, watched);
  for (const kernels::KvPages& layer : engine.cache().layers()) {
    std::memset(layer.base, 0xff, static_cast<size_t>(layer.page_count * layer.format.page_bytes()));  // all NaN
  }
  engine.Submit(Plain(RandomIds(30, 1), 10));
  while (!engine.idle()) {
    for (const TokenEvent& event : engine.Step()) found.tokens.push_back(event.token);
  }
  EXPECT_TRUE(SameBits(found, expected));
}

}  // namespace
}  // namespace tessera::infer
