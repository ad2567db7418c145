#pragma once
// The built program at a terminal of its own, with a person typing.

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace tessera::cli {

class TerminalSession {
 public:
  explicit TerminalSession(const std::vector<std::string>& arguments, const std::vector<std::string>& environment = {});
  ~TerminalSession();  // ends the program if it still runs
  TerminalSession(const TerminalSession&) = delete;
  TerminalSession& operator=(const TerminalSession&) = delete;

  void Type(std::string_view keys);
  // Reads until `text` has appeared after the place where the last wait ended; false after twenty seconds of silence or
  // at the end.
  bool WaitFor(std::string_view text);
  // Reads to the end of the program; its exit code, or 128 + the signal that ended it.
  int WaitForEnd();

  const std::string& screen() const { return screen_; }  // everything that was shown, escape codes included

 private:
  bool ReadSome();

  pid_t child_ = -1;
  int terminal_ = -1;
  std::string screen_;
  size_t seen_ = 0;
};

}  // namespace tessera::cli
