#include "tessera/text/regex.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"

namespace tessera::text {
namespace {

std::vector<std::string> Matches(std::string_view pattern, std::string_view text) {
  const Regex regex(pattern, "test");
  Regex::Search search(regex);
  std::vector<std::string> out;
  for (size_t from = 0; from <= text.size();) {
    const auto match = search.Next(text, from);
    if (!match || match->begin == match->end) break;
    out.emplace_back(text.substr(match->begin, match->end - match->begin));
    from = match->end;
  }
  return out;
}

using testing::ElementsAre;

TEST(Regex, ClassesIntersect) {
  EXPECT_THAT(Matches(R"([\p{L}&&[^\p{Han}]]+)", "ab石c鳥"), ElementsAre("ab", "c"));
  EXPECT_THAT(Matches(R"([\p{L}&&\p{Lu}]+)", "abCDe"), ElementsAre("CD"));
  EXPECT_THAT(Matches(R"([a-z&&[^aeiou]&&[^x]]+)", "abcxyz"), ElementsAre("bc", "yz"));
}

TEST(Regex, HanIsTheScriptAndNotItsExtensions) {
  // U+3005 has the script Han; U+3001 only lists Han among the scripts that use it.
  EXPECT_THAT(Matches(R"([\p{Han}]+)", "々、石"), ElementsAre("々", "石"));
}

TEST(Regex, SpacesAreUnicodeWhiteSpace) {
  EXPECT_THAT(Matches(R"(\s+)", "a\u3000\u0085b\u180Ec"), ElementsAre("\u3000\u0085"));
  EXPECT_THAT(Matches(R"([^\s]+)", "a\u00A0b"), ElementsAre("a", "b"));
}

TEST(Regex, CaseFoldingFollowsUnicode) { EXPECT_THAT(Matches("(?i:'s)", "'\u017F'S"), ElementsAre("'\u017F", "'S")); }

TEST(Regex, EscapedLiteralsStandForThemselves) {
  const std::string text = "a.b*c[d](e){f}|g^$\\ #-\t\n";
  EXPECT_THAT(Matches(EscapePattern(text), "x" + text + "y"), ElementsAre(text));
}

TEST(Regex, AnExponentialPatternGivesUpWithAnError) {
  const Regex regex("(a|aa|a)+$", "bomb");
  Regex::Search search(regex);
  const std::string text = std::string(5000, 'a') + "b";
  EXPECT_THROW(search.Next(text, 0), Error);
}

TEST(Regex, AMalformedPatternIsAnErrorThatNamesIt) {
  for (const char* pattern : {"(a", "[a", "a{2,1}", "\\p{Nonsense}", "\\p{L", "[a&&", "[^a&&b]", "(?<=a+)b"}) {
    EXPECT_THROW(Regex(pattern, "here"), Error) << pattern;
  }
  try {
    Regex("(a", "here");
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("here"));
  }
}

}  // namespace
}  // namespace tessera::text
