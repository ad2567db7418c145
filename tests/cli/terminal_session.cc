#include "cli/terminal_session.h"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "tessera/core/error.h"

namespace tessera::cli {

TerminalSession::TerminalSession(const std::vector<std::string>& arguments,
                                 const std::vector<std::string>& environment) {
  winsize size{.ws_row = 40, .ws_col = 120, .ws_xpixel = 0, .ws_ypixel = 0};
  child_ = forkpty(&terminal_, nullptr, nullptr, &size);
  Require(child_ >= 0, "test: no terminal");
  if (child_ != 0) return;
  setenv("TERM", "xterm", 1);
  for (const std::string& setting : environment) putenv(const_cast<char*>(setting.c_str()));
  std::vector<char*> argv = {const_cast<char*>(TESSERA_PROGRAM)};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv(TESSERA_PROGRAM, argv.data());
  _exit(127);
}

TerminalSession::~TerminalSession() {
  if (child_ > 0) {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  close(terminal_);
}

void TerminalSession::Type(std::string_view keys) {
  while (!keys.empty()) {
    const ssize_t n = write(terminal_, keys.data(), keys.size());
    Require(n > 0, "test: the terminal is closed");
    keys.remove_prefix(static_cast<size_t>(n));
  }
}

bool TerminalSession::ReadSome() {
  constexpr int kMilliseconds = 20000;
  pollfd end{.fd = terminal_, .events = POLLIN, .revents = 0};
  if (poll(&end, 1, kMilliseconds) <= 0) return false;
  char buffer[4096];
  const ssize_t n = read(terminal_, buffer, sizeof(buffer));
  if (n <= 0) return false;
  screen_.append(buffer, static_cast<size_t>(n));
  return true;
}

bool TerminalSession::WaitFor(std::string_view text) {
  for (;;) {
    const size_t found = screen_.find(text, seen_);
    if (found != std::string::npos) {
      seen_ = found + text.size();
      return true;
    }
    // What was searched need not be searched again, but for a beginning of `text` at its end.
    seen_ = std::max(seen_, screen_.size() - std::min(screen_.size(), text.size()));
    if (!ReadSome()) return false;
  }
}

int TerminalSession::WaitForEnd() {
  while (ReadSome()) {
  }
  int status = 0;
  if (waitpid(child_, &status, WNOHANG) == 0) {  // silent for long, or closing
    usleep(500'000);
    kill(child_, SIGKILL);  // nothing if it has ended by now
    waitpid(child_, &status, 0);
  }
  child_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace tessera::cli
