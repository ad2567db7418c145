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

TEST(ParseJson, GivesWhatTheLibraryItselfReads) {
  for (const char* text :
       {"null", "true", "-0", "18446744073709551615", "-9223372036854775808", "1e-7", "1.5e300", R"("\u00e9\n")", "[]",
        "{}", R"([[], {}, [{"a": [1, {"b": null}]}], ""])", R"({"b": 1, "a": {"": {"z": [true, false]}}, "c": "d"})"}) {
    const Json value = ParseJson(text, "f.json"), expected = Json::parse(text);
    EXPECT_EQ(value, expected) << text;
    EXPECT_EQ(value.dump(), expected.dump());  // the order and the kinds of numbers too
  }
}

TEST(ParseJson, OfEqualKeysTheLastValueStaysInTheFirstPlace) {
  EXPECT_EQ(ParseJson(R"({"a": 1, "b": 2, "a": [3]})", "f.json").dump(), R"({"a":[3],"b":2})");
}

// As many as the vocabulary of a model or the tensors of a hostile file: with every key compared to all before it this
// would take minutes.
TEST(ParseJson, AnObjectMayHaveManyKeys) {
  constexpr int kKeys = 400000;
  std::string text = "{";
  for (int i = 0; i < kKeys; ++i) text += fmt::format("\"key {}\":{},", i, i);
  const Json value = ParseJson(text + "\"last\":true}", "f.json", {.unique_keys = true});
  EXPECT_EQ(value.size(), size_t{kKeys} + 1);
  EXPECT_EQ(value.front(), 0);
  EXPECT_EQ(value.back(), true);
  EXPECT_THAT(Failure(text + "\"key 17\":0}", {.unique_keys = true}), HasSubstr("\"key 17\" stands twice"));
}

// The place of an error is looked for when there is one: else every bracket would read all of the text before it.
TEST(ParseJson, AnArrayMayHaveManyBrackets) {
  constexpr int kArrays = 2000000;
  std::string text = "[";
  for (int i = 0; i < kArrays; ++i) text += "[],";
  EXPECT_EQ(ParseJson(text + "{}]", "f.json").size(), size_t{kArrays} + 1);
}

TEST(JsonObject, IsAnObjectInTheOrderOfItsKeys) {
  JsonObject object;
  object["z"] = 1;
  object["a"] = {1, 2};
  object["z"] = "again";
  EXPECT_TRUE(object.Has("a"));
  EXPECT_FALSE(object.Has("b"));
  EXPECT_EQ(object.Take().dump(), R"({"z":"again","a":[1,2]})");
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
