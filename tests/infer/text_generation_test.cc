#include "tessera/infer/text_generation.h"

#include <gtest/gtest.h>

#include "infer/tiny_model.h"

namespace tessera::infer {
namespace {

class TextGeneration : public testing::Test {
 protected:
  TextGeneration()
      : tiny_(DType::kF32, "llama_smollm2_fp32"),
        tokenizer_(text::Tokenizer::Load(std::string(TESSERA_TEST_DATA) + "/llama_smollm2_fp32")),
        engine_(*tiny_.model, {.context = 256, .cache_dtype = DType::kF32}) {}

  TextRequest Ask(int64_t max_tokens) const {
    return {.prompt = tokenizer_->Encode("Hello world"), .max_tokens = max_tokens, .ignore_eos = true};
  }
  TextAnswer Answer(const TextRequest& request) {
    return GenerateText(engine_, *tokenizer_, request, [&](std::string_view piece) {
      shown_ += piece;
      return true;
    });
  }

  TinyModel tiny_;
  std::unique_ptr<text::Tokenizer> tokenizer_;
  Engine engine_;
  std::string shown_;
};

TEST_F(TextGeneration, ThePiecesShownAreTheTextOfTheTokens) {
  const TextAnswer answer = Answer(Ask(40));
  EXPECT_EQ(answer.ids.size(), 40u);
  EXPECT_EQ(answer.finish, TextFinish::kLength);
  EXPECT_EQ(answer.text, shown_);
  EXPECT_EQ(answer.text, tokenizer_->Decode(answer.ids));
  EXPECT_EQ(answer.stats.answer_tokens, 40);
}

TEST_F(TextGeneration, AStopStringEndsTheTextBeforeIt) {
  const std::string whole = Answer(Ask(40)).text;
  ASSERT_GT(whole.size(), 12u);
  TextRequest request = Ask(40);
  request.stop = {whole.substr(8, 4)};
  const TextAnswer stopped = Answer(request);
  EXPECT_EQ(stopped.finish, TextFinish::kStopString);
  EXPECT_EQ(stopped.text, whole.substr(0, whole.find(request.stop[0])));
  EXPECT_TRUE(engine_.idle());
}

TEST_F(TextGeneration, TheCallerMayStopAtAnyPiece) {
  int pieces = 0;
  const TextAnswer answer = GenerateText(engine_, *tokenizer_, Ask(40), [&](std::string_view) { return ++pieces < 5; });
  EXPECT_EQ(answer.finish, TextFinish::kInterrupted);
  EXPECT_LE(answer.ids.size(), 5u);
  EXPECT_TRUE(engine_.idle());
}

TEST_F(TextGeneration, LookupGivesThePlainText) {
  TextRequest request = Ask(60);
  const std::string plain = Answer(request).text;
  request.strategy = "lookup";
  EXPECT_EQ(Answer(request).text, plain);
  request.strategy = "magic";
  EXPECT_THROW(Answer(request), Error);
  EXPECT_TRUE(engine_.idle());
}

TEST_F(TextGeneration, NoTokensAskedForIsAnEmptyText) {
  const TextAnswer answer = Answer(Ask(0));
  EXPECT_EQ(answer.text, "");
  EXPECT_EQ(answer.finish, TextFinish::kLength);
}

}  // namespace
}  // namespace tessera::infer
