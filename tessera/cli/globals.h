#pragma once
// Options that every subcommand knows, before or after the verb.

#include <string>
#include <vector>

namespace tessera::cli {

struct Globals {
  int threads = 0;                 // 0: as many as the CPUs this process may run on
  bool quiet = false;              // no progress, no notes on standard error
  bool verbose = false;            // more notes on standard error
  std::vector<std::string> typed;  // the arguments; empty: unknown, so every command may be meant
};

}  // namespace tessera::cli
