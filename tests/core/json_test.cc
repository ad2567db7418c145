#include "tessera/core/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/json_text.h"

namespace tessera {
namespace {

using testing::HasSubstr;

std::string Failure(std::string_view text, const JsonLimits& limits = {}) {
  try {
    ParseJson(text, "f.json", limits);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(ParseJson, NamesTheFileAndThePlace) {
  EXPECT_THAT(Failure("{\"a\": 1,\n \"b\": x}"), HasSubstr("f.json: line 2, column 7"));
  EXPECT_THAT(Failure(""), HasSubstr("f.json: line 1, column 1: not valid JSON"));
  EXPECT_THAT(Failure("[1e999]"), HasSubstr("out of range"));
}

TEST(ParseJson, LimitsAreKept) {
  EXPECT_EQ(Failure(std::string(64, '[') + std::string(64, ']')), "");
  EXPECT_THAT(Failure(std::string(65, '[') + std::string(65, ']')), HasSubstr("nested deeper than 64"));
  EXPECT_THAT(Failure("[1, 2, 3]", {.max_bytes = 5}), HasSubstr("9 bytes of JSON, the limit is 5"));
  EXPECT_THAT(Failure(R"({"a": 1, "a": 2})", {.unique_keys = true}), HasSubstr("\"a\" stands twice"));
}

TEST(ParseJson, TextThatIsNotUtf8IsRefused) {
  for (const char* text : {"\"\xFF\"", "\"\xC0\x80\"", "\"\xED\xA0\x80\"", "\"\xE4\xBD\"", "\"\\ud800\"", "\xEF\xBB"})
    EXPECT_THAT(Failure(text), HasSubstr("not valid JSON: ")) << text;
  EXPECT_THAT(Failure("\"\xFF\""), HasSubstr("ill-formed UTF-8"));
}

TEST(JsonText, BytesThatAreNoUtf8BecomeReplacementCharacters) {
  EXPECT_EQ(JsonText({{"path", "a\xFF"}}), "{\"path\":\"a\xEF\xBF\xBD\"}");
  EXPECT_EQ(JsonText({1, 2}, 1), "[\n 1,\n 2\n]");
}

}  // namespace
}  // namespace tessera
