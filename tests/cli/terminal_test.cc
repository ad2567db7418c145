#include "tessera/cli/terminal.h"

#include <gtest/gtest.h>

namespace tessera::cli {
namespace {

TEST(Printable, TextStaysAndWhatDrivesTheTerminalBecomesAQuestionMark) {
  EXPECT_EQ(Printable("a\tb\n\xE4\xBD\xA0 \xC3\xA9"), "a\tb\n\xE4\xBD\xA0 \xC3\xA9");
  EXPECT_EQ(Printable("\x1b[2J\x07\r\x7f"), "?[2J???");
  EXPECT_EQ(Printable("\xC2\x9B"
                      "31m \xC2\xA0"),
            "?31m \xC2\xA0");  // U+009B stands for ESC [
}

}  // namespace
}  // namespace tessera::cli
