#include "tessera/cli/word_wrap.h"

#include <gtest/gtest.h>

namespace tessera::cli {
namespace {

std::string Wrapped(std::string_view text, int width, size_t piece_bytes = 1000) {
  WordWrap wrap(width);
  std::string out;
  for (; !text.empty(); text.remove_prefix(std::min(piece_bytes, text.size()))) {
    out += wrap.Push(text.substr(0, piece_bytes));
  }
  return out + wrap.Flush();
}

TEST(WordWrap, BreaksLinesAtSpacesWhateverThePieces) {
  for (const size_t bytes : {1, 2, 3, 7, 100}) {
    EXPECT_EQ(Wrapped("the quick brown fox jumps", 10, bytes), "the quick\nbrown fox\njumps");
    EXPECT_EQ(Wrapped("a line\n  of code\n\nend ", 10, bytes), "a line\n  of code\n\nend ");
  }
}

TEST(WordWrap, AWordThatFillsTheLineFits) { EXPECT_EQ(Wrapped("ab 12345 6", 5), "ab\n12345\n6"); }

TEST(WordWrap, ALongWordIsLeftToTheTerminal) { EXPECT_EQ(Wrapped("a 123456789 b", 5), "a\n123456789\nb"); }

TEST(WordWrap, CountsColumnsNotBytes) {
  EXPECT_EQ(Wrapped("é é é é", 5), "é é é\né");
  EXPECT_EQ(Wrapped("数学数学数学", 5), "数学\n数学\n数学");
}

TEST(WordWrap, NothingOfTheTextIsLostAndWidthZeroChangesNothing) {
  EXPECT_EQ(Wrapped("any  text\tat all \n", 0), "any  text\tat all \n");
  EXPECT_EQ(Wrapped("", 10), "");
  EXPECT_EQ(Wrapped("   ", 10), "   ");
}

}  // namespace
}  // namespace tessera::cli
