#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/program_runner.h"
#include "tessera/core/json.h"

namespace tessera::cli {
namespace {

using testing::HasSubstr;

const std::string kModel = TESSERA_TEST_DATA "/llama_smollm2_fp32";

TEST(Tokenize, TextBecomesIdsAndComesBack) {
  const std::string text = R"({"text": "Hello world<|im_end|> é"})";
  const ProgramResult ids = RunTessera({"tokenize", kModel}, {.standard_input = text + "\n"});
  EXPECT_EQ(ids.exit_code, 0) << ids.err;
  EXPECT_EQ(ids.out.substr(0, 34), R"({"ids":[44,73,269,83,289,275,80,72)");
  EXPECT_THAT(ParseJson(ids.out, "ids")["ids"], testing::Contains(2));
  const ProgramResult back = RunTessera({"detokenize", kModel}, {.standard_input = ids.out});
  EXPECT_EQ(ParseJson(back.out, "text"), ParseJson(text, "text"));
  const ProgramResult skipped = RunTessera({"detokenize", kModel, "--skip-special"}, {.standard_input = ids.out});
  EXPECT_EQ(ParseJson(skipped.out, "text")["text"], "Hello world é");
}

TEST(Tokenize, PlainLeavesSpecialTokensAsText) {
  const ProgramResult ids =
      RunTessera({"tokenize", kModel, "--plain"}, {.standard_input = R"({"text": "<|im_end|>"})"});
  EXPECT_GT(ParseJson(ids.out, "ids")["ids"].size(), 1u);
}

TEST(Detokenize, StreamGivesPiecesAndATail) {
  const ProgramResult ids = RunTessera({"tokenize", kModel}, {.standard_input = R"({"text": "数a"})"});
  const ProgramResult result = RunTessera({"detokenize", kModel, "--stream"}, {.standard_input = ids.out});
  const Json line = ParseJson(result.out, "stream");
  std::string joined;
  for (const Json& piece : line["pieces"]) joined += piece.get<std::string>();
  EXPECT_EQ(joined, "数a");
  EXPECT_EQ(line["tail"], "");
}

TEST(Detokenize, BytesAreHexadecimal) {
  const ProgramResult ids = RunTessera({"tokenize", kModel}, {.standard_input = R"({"text": "数"})"});
  const ProgramResult result = RunTessera({"detokenize", kModel, "--bytes"}, {.standard_input = ids.out});
  EXPECT_EQ(ParseJson(result.out, "bytes")["bytes_hex"], "e695b0");
}

TEST(Tokenize, AMalformedLineIsNamedAndTheLinesBeforeItAreAnswered) {
  const ProgramResult result =
      RunTessera({"tokenize", kModel}, {.standard_input = "{\"text\": \"a\"}\n\n{\"text\": 5}\n{\"text\": \"b\"}\n"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("line 3"));
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 1);
  EXPECT_THAT(RunTessera({"tokenize", kModel}, {.standard_input = "{\"text\": \"\xff\"}\n"}).err, HasSubstr("line 1"));
  EXPECT_THAT(RunTessera({"tokenize", kModel}, {.standard_input = std::string("{\"text\": 1\0\n}\n", 14)}).err,
              HasSubstr("line 1: a zero byte"));
  EXPECT_THAT(RunTessera({"tokenize", kModel}, {.standard_input = "[1]\n"}).err, HasSubstr("not a JSON object"));
}

TEST(Detokenize, AnIdThatIsNotThereIsAnError) {
  for (const char* id : {"384", "-1", "99999999999", "18446744073709551615", "1.5", "\"a\"", "null"}) {
    const ProgramResult result =
        RunTessera({"detokenize", kModel}, {.standard_input = std::string("{\"ids\": [") + id + "]}\n"});
    EXPECT_EQ(result.exit_code, 1) << id;
    EXPECT_THAT(result.err, HasSubstr("line 1")) << id;
    EXPECT_EQ(result.out, "") << id;
  }
}

TEST(Tokenize, AModelThatIsNotThereIsAnError) {
  const ProgramResult result = RunTessera({"tokenize", "/no/such/model"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("/no/such/model"));
}

}  // namespace
}  // namespace tessera::cli
