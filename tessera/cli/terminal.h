#pragma once
// What the terminal can show.

#include <termios.h>

#include <string>
#include <string_view>

namespace tessera::cli {

bool InputIsTerminal();
bool OutputIsTerminal();
bool ErrorIsTerminal();
// Columns of the terminal behind standard output or standard error; 80 where it does not say.
int TerminalWidth();
// Whether colours are wanted: the output is a terminal, and neither NO_COLOR nor TERM=dumb says otherwise.
bool UseColor();

enum class Style { kPlain, kBold, kDim, kPrompt };
// `text` in that style where colours are wanted, else as it is.
std::string Styled(std::string_view text, Style style);

// `text` for a terminal: control characters other than line ends and tabs become '?'. Names in files and tokens of a
// model may hold any of them, and some drive the terminal.
std::string Printable(std::string_view text);

// While it lives, what is typed does not appear between the words of an answer; it is read later. Does nothing where
// the input is no terminal.
class EchoOff {
 public:
  EchoOff();
  ~EchoOff();
  EchoOff(const EchoOff&) = delete;
  EchoOff& operator=(const EchoOff&) = delete;

 private:
  bool changed_ = false;
  termios before_ = {};
};

// The terminal passes on every key at once. In lines, as a terminal begins, a Ctrl-D that is typed before somebody
// reads it would later be read as nothing.
void PassOnKeys();
// RestoreTerminal makes the terminal what RememberTerminal found. A signal handler may call it before it ends the
// program.
void RememberTerminal();
void RestoreTerminal();

// Writes to standard output at once. Throws Error if it is closed or the disk is full.
void WriteOutput(std::string_view text);
// All of standard input. Throws Error beyond 64 MiB.
std::string ReadAllInput();

}  // namespace tessera::cli
