#include "tessera/infer/stop_strings.h"

#include <gtest/gtest.h>

#include "tessera/core/error.h"

namespace tessera::infer {
namespace {

TEST(StopStrings, TextBeforeTheStopIsShownAndNothingAfter) {
  StopStrings stop({"END"});
  EXPECT_EQ(stop.Push("one END two"), "one ");
  EXPECT_TRUE(stop.stopped());
  EXPECT_EQ(stop.Push("three"), "");
  EXPECT_EQ(stop.Flush(), "");
}

TEST(StopStrings, AStopAcrossPiecesIsNeverShownInPart) {
  StopStrings stop({"</s>"});
  EXPECT_EQ(stop.Push("a<"), "a");
  EXPECT_EQ(stop.Push("/"), "");
  EXPECT_EQ(stop.Push("s>b"), "");
  EXPECT_TRUE(stop.stopped());
}

TEST(StopStrings, AFalseStartIsShownOnceItIsCertain) {
  StopStrings stop({"</s>"});
  EXPECT_EQ(stop.Push("a</"), "a");
  EXPECT_EQ(stop.Push("b"), "</b");
  EXPECT_FALSE(stop.stopped());
}

TEST(StopStrings, TheEarliestOfSeveralStopsWins) {
  StopStrings stop({"xyz", "y"});
  EXPECT_EQ(stop.Push("axyz"), "a");
}

TEST(StopStrings, FlushGivesWhatWasHeldBack) {
  StopStrings stop({"abc"});
  EXPECT_EQ(stop.Push("1ab"), "1");
  EXPECT_EQ(stop.Flush(), "ab");
}

TEST(StopStrings, EveryCutOfATextGivesTheSame) {
  const std::string text = "aababaabab|tail";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    StopStrings stop({"ab|", "zzz"});
    std::string shown = stop.Push(text.substr(0, cut));
    shown += stop.Push(text.substr(cut));
    shown += stop.Flush();
    EXPECT_EQ(shown, "aababaab") << "cut at " << cut;
  }
}

TEST(StopStrings, AnEmptyStopIsAnError) { EXPECT_THROW(StopStrings({""}), Error); }

}  // namespace
}  // namespace tessera::infer
