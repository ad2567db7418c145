#pragma once
// Ctrl-C. Outside any scope it ends the program with exit code 130, as a shell expects. Inside one it only raises a
// flag, so that a long answer can stop and the program go on.

namespace tessera::cli {

class InterruptScope {
 public:
  InterruptScope();
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

  // Whether Ctrl-C was pressed since the scope began.
  bool interrupted() const;
};

// Installs the handler; called once when the program starts. SIGPIPE and SIGXFSZ are ignored, so that writing to a
// closed pipe or beyond the size limit of files is an error to report and not a sudden end.
void InstallInterruptHandler();

}  // namespace tessera::cli
