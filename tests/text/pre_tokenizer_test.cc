#include "tessera/text/pre_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"

namespace tessera::text {
namespace {

using testing::ElementsAre;

std::vector<std::string> Cut(const std::string& json, std::string_view text, bool at_start = true) {
  const PreTokenizer pre_tokenizer = PreTokenizer::FromJson(SortedJson::parse(json));
  Words words{.text = text, .spans = {{0, text.size()}}, .at_start = at_start, .owned = {}};
  pre_tokenizer.Apply(words);
  std::vector<std::string> out;
  for (size_t i = 0; i < words.spans.size(); ++i) out.emplace_back(words[i]);
  return out;
}

std::string Dash(const std::string& behavior) {
  return R"({"type": "Split", "pattern": {"String": "-"}, "behavior": ")" + behavior + R"(", "invert": false})";
}

// The example of the library's own documentation.
TEST(Split, EachBehaviorTreatsTheMatchesItsWay) {
  const std::string text = "the-final--countdown";
  EXPECT_THAT(Cut(Dash("Removed"), text), ElementsAre("the", "final", "countdown"));
  EXPECT_THAT(Cut(Dash("Isolated"), text), ElementsAre("the", "-", "final", "-", "-", "countdown"));
  EXPECT_THAT(Cut(Dash("MergedWithPrevious"), text), ElementsAre("the-", "final-", "-", "countdown"));
  EXPECT_THAT(Cut(Dash("MergedWithNext"), text), ElementsAre("the", "-final", "-", "-countdown"));
  EXPECT_THAT(Cut(Dash("Contiguous"), text), ElementsAre("the", "-", "final", "--", "countdown"));
}

TEST(Split, InvertedTheRestIsTheMatch) {
  const std::string json = R"({"type": "Split", "pattern": {"Regex": "\\w+"}, "behavior": "Removed", "invert": true})";
  EXPECT_THAT(Cut(json, "a, bc!"), ElementsAre("a", "bc"));
}

TEST(Digits, StandAloneOrTogether) {
  EXPECT_THAT(Cut(R"({"type": "Digits", "individual_digits": true})", "ab12½c"), ElementsAre("ab", "1", "2", "½", "c"));
  EXPECT_THAT(Cut(R"({"type": "Digits", "individual_digits": false})", "ab12½c"), ElementsAre("ab", "12½", "c"));
}

TEST(Punctuation, IsIsolated) {
  EXPECT_THAT(Cut(R"({"type": "Punctuation"})", "Hi, you!!"), ElementsAre("Hi", ",", " you", "!", "!"));
}

TEST(Whitespace, KeepsWordsAndSigns) {
  EXPECT_THAT(Cut(R"({"type": "Whitespace"})", "Hey man, ok"), ElementsAre("Hey", "man", ",", "ok"));
  EXPECT_THAT(Cut(R"({"type": "WhitespaceSplit"})", "Hey man, ok"), ElementsAre("Hey", "man,", "ok"));
}

TEST(ByteLevel, CutsByThePatternOfGpt2) {
  const std::string json = R"({"type": "ByteLevel", "add_prefix_space": true, "use_regex": true})";
  EXPECT_THAT(Cut(json, "I'm  12"), ElementsAre(" I", "'m", " ", " 12"));
  EXPECT_TRUE(PreTokenizer::FromJson(SortedJson::parse(json)).byte_level());
}

TEST(Metaspace, PrependsAsItsSchemeSays) {
  const auto json = [](const std::string& scheme) {
    return R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": ")" + scheme + R"(", "split": true})";
  };
  EXPECT_THAT(Cut(json("always"), "a b", false), ElementsAre("▁a", "▁b"));
  EXPECT_THAT(Cut(json("first"), "a b", true), ElementsAre("▁a", "▁b"));
  EXPECT_THAT(Cut(json("first"), "a b", false), ElementsAre("a", "▁b"));
  EXPECT_THAT(Cut(json("never"), "a  b"), ElementsAre("a", "▁", "▁b"));
}

TEST(PreTokenizer, AnUnknownTypeIsAnErrorThatNamesIt) {
  for (const char* json : {R"({"type": "Magic"})", R"({"type": 3})", R"({})", R"([1])",
                           R"({"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated"})",
                           R"({"type": "Sequence", "pretokenizers": 3})", R"({"type": "Split", "behavior": "Odd"})"}) {
    EXPECT_THROW(PreTokenizer::FromJson(SortedJson::parse(json)), Error) << json;
  }
}

}  // namespace
}  // namespace tessera::text
