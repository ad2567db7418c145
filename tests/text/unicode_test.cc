#include "tessera/text/unicode.h"

#include <gtest/gtest.h>

namespace tessera::text {
namespace {

TEST(Utf8, IllFormedPartsAreReplacedByMaximalSubparts) {
  // The examples of the Unicode standard, tables 3-8 and 3-9.
  const std::string r(kReplacementUtf8);
  EXPECT_EQ(RepairUtf8("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(RepairUtf8("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(RepairUtf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), r + r + r + r + "A");
  EXPECT_EQ(RepairUtf8("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"), r + r + r + r + r + "A" + r + r + "B");
}

TEST(Utf8, EveryCodePointSurvivesTheRoundTrip) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    const std::string text = ToUtf8(c);
    const CodePoint back = DecodeUtf8(text, 0);
    ASSERT_TRUE(back.valid && back.value == c && back.size == text.size()) << static_cast<uint32_t>(c);
  }
}

TEST(Utf8Repair, BytesOneAtATimeGiveWhatTheWholeGives) {
  const std::string bytes = "a\xE4\xBD\xA0\xF0\x9F\x98\xE4\xBD\xFF\xC3";
  std::string out;
  Utf8Repair repair;
  for (const char byte : bytes) repair.Append(std::string_view(&byte, 1), out);
  repair.Flush(out);
  EXPECT_EQ(out, RepairUtf8(bytes));
}

TEST(Utf8Repair, HoldsAnUnfinishedCharacterBack) {
  std::string out;
  Utf8Repair repair;
  repair.Append("x\xF0\x9F", out);
  EXPECT_EQ(out, "x");
  repair.Append("\x98\x80", out);
  EXPECT_EQ(out, "x\xF0\x9F\x98\x80");
  repair.Flush(out);
  EXPECT_EQ(out, "x\xF0\x9F\x98\x80");
}

TEST(NormalForms, ComposeAndDecompose) {
  EXPECT_EQ(Normalize("e\u0301", NormalForm::kNfc), "\u00e9");
  EXPECT_EQ(Normalize("\u00e9", NormalForm::kNfd), "e\u0301");
  EXPECT_EQ(Normalize("\uFB01\u00B2", NormalForm::kNfkc), "fi2");
  EXPECT_EQ(Normalize("\uFB01\u00B2", NormalForm::kNfc), "\uFB01\u00B2");
  EXPECT_EQ(Normalize("\u1100\u1161\u11A8", NormalForm::kNfc), "\uAC01");   // Hangul by rule
  EXPECT_EQ(Normalize("a\u0315\u0300", NormalForm::kNfc), "\u00e0\u0315");  // marks in canonical order
  EXPECT_EQ(Normalize("\u0958", NormalForm::kNfc), "\u0915\u093C");         // a composition exclusion
}

TEST(NormalForms, ALongRunOfMarksIsNotQuadratic) {
  std::string text = "a";
  for (int i = 0; i < 200'000; ++i) text += i % 2 ? "\u0315" : "\u0323";
  EXPECT_EQ(Normalize(text, NormalForm::kNfd).size(), text.size());
}

TEST(CharacterClasses, FollowUnicode) {
  EXPECT_TRUE(IsWhiteSpace(0x3000) && IsWhiteSpace(0x85) && !IsWhiteSpace(0x180E) && !IsWhiteSpace(0x1C));
  EXPECT_TRUE(IsPythonSpace(0x1C) && !IsPythonSpace(0x200B));
  EXPECT_TRUE(IsNumeric(0xBD) && IsNumeric('7') && IsNumeric(0x2167) && !IsNumeric('x'));
  EXPECT_TRUE(IsPunctuation('$') && IsPunctuation(0x3002) && !IsPunctuation(0x20AC));
  std::string lower;
  for (const char32_t c : U"\u0130\u00C4\u0416") AppendLower(c, lower);
  EXPECT_EQ(lower.substr(0, 7), "i\u0307\u00E4\u0436");
}

}  // namespace
}  // namespace tessera::text
