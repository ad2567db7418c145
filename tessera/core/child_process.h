#pragma once
// Another program, run without a shell: arguments reach it exactly as given.

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tessera {

struct ChildOptions {
  std::function<void(std::string_view)> on_output;  // gets standard output piece by piece; nothing: it is dropped
  std::function<void()> on_tick;                    // called about ten times a second while the child runs
  std::vector<std::pair<std::string, std::string>> environment;  // added to this process's own
  std::filesystem::path folder;                                  // where it runs; empty: here
};

struct ChildResult {
  int exit_code = 0;   // 128 + the signal's number if a signal ended it
  std::string errors;  // the last 16 KiB of its standard error
};

// Runs the program `arguments[0]` (searched in PATH) and waits for its end. It has no standard input, and is killed
// when this process dies or when a callback throws. Throws Error if it cannot be started.
ChildResult RunChild(const std::vector<std::string>& arguments, const ChildOptions& options = {});

}  // namespace tessera
