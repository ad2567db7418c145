#pragma once
// Arguments as a script might garble them: every line of the input is one argument of the program. Only the parsing
// runs, not the commands.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/cli/program.h"
#include "tessera/core/error.h"

namespace tessera::fuzz {

inline void ParseArguments(std::string_view input) {
  std::vector<std::string> arguments(1);
  for (const char c : input) {
    if (c == '\n') {
      arguments.emplace_back();
    } else {
      arguments.back() += c;
    }
  }
  std::ranges::reverse(arguments);  // the order that CLI11 takes
  cli::Globals globals;
  CLI::App program;
  cli::AddCommands(program, globals);
  // After the parsing and before any command. The commands' callbacks must stay: they own what the options write to.
  program.parse_complete_callback([] { throw CLI::Success(); });
  try {
    program.parse(arguments);
  } catch (const CLI::ParseError&) {
  } catch (const Error&) {
  }
}

}  // namespace tessera::fuzz
