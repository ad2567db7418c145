#include "tessera/cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tessera/core/error.h"

namespace tessera::cli {
namespace {

// Static, because a signal handler must reach it.
termios remembered = {};
std::atomic<bool> is_remembered{false};

}  // namespace

bool InputIsTerminal() { return isatty(STDIN_FILENO) != 0; }
bool OutputIsTerminal() { return isatty(STDOUT_FILENO) != 0; }
bool ErrorIsTerminal() { return isatty(STDERR_FILENO) != 0; }

int TerminalWidth() {
  struct winsize size = {};
  for (const int file : {STDOUT_FILENO, STDERR_FILENO}) {
    if (ioctl(file, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  }
  return 80;
}

EchoOff::EchoOff() {
  if (tcgetattr(STDIN_FILENO, &before_) != 0) return;
  termios without = before_;
  without.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  changed_ = tcsetattr(STDIN_FILENO, TCSANOW, &without) == 0;
}

EchoOff::~EchoOff() {
  if (changed_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

void PassOnKeys() {
  termios keys = {};
  if (tcgetattr(STDIN_FILENO, &keys) != 0) return;
  keys.c_lflag &= ~static_cast<tcflag_t>(ICANON);
  tcsetattr(STDIN_FILENO, TCSANOW, &keys);
}

void RememberTerminal() { is_remembered = tcgetattr(STDIN_FILENO, &remembered) == 0; }

void RestoreTerminal() {
  if (is_remembered) tcsetattr(STDIN_FILENO, TCSANOW, &remembered);
}

bool UseColor() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  if (no_color != nullptr && *no_color != '\0') return false;  // no-color.org
  return OutputIsTerminal() && terminal != nullptr && std::strcmp(terminal, "dumb") != 0;
}

std::string Styled(std::string_view text, Style style) {
  static const bool color = UseColor();
  if (!color || style == Style::kPlain) return std::string(text);
  const char* code = style == Style::kBold ? "1" : style == Style::kDim ? "2" : "1;36";
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

std::string Printable(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F, which some terminals obey like ESC and a letter, are C2 80 to C2 9F.
    const bool c1 = c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    const bool control = (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f || c1;
    result += control ? '?' : text[i];
    if (c1) ++i;
  }
  return result;
}

void WriteOutput(std::string_view text) {
  std::fflush(stdout);
  while (!text.empty()) {
    const ssize_t n = write(STDOUT_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;  // Ctrl-C while the terminal was slow: the answer ends in order
    Require(n > 0, "standard output: {}", std::strerror(errno));
    text.remove_prefix(static_cast<size_t>(n));
  }
}

std::string ReadAllInput() {
  constexpr size_t kMost = size_t{64} << 20;
  std::string text;
  char buffer[65536];
  for (;;) {
    const ssize_t n = read(STDIN_FILENO, buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    Require(n >= 0, "standard input: {}", std::strerror(errno));
    if (n == 0) return text;
    text.append(buffer, static_cast<size_t>(n));
    Require(text.size() <= kMost, "standard input: more than {} bytes; a prompt must be shorter", kMost);
  }
}

}  // namespace tessera::cli
