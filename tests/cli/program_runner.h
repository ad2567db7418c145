#pragma once
// Runs the built program as a person would, and gives what it printed.

#include <string>
#include <vector>

namespace tessera::cli {

struct ProgramResult {
  int exit_code = 0;  // 128 + signal when a signal ended it
  std::string out, err;
};

struct ProgramInput {
  std::string standard_input;
  std::vector<std::string> environment;  // "NAME=value", added to the test's own
};

// The program with these arguments, its standard input given in full. Ends it after two minutes.
ProgramResult RunTessera(const std::vector<std::string>& arguments, const ProgramInput& input = {});

}  // namespace tessera::cli
