#pragma once
// Arguments as a script might garble them: every line of the input is one argument of the program. Only the parsing
// runs, not the commands. The program is made once: CLI11 forgets what it parsed when it parses again.

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
  struct Program {
    cli::Globals globals;
    CLI::App app;
    Program() {
      cli::AddCommands(app, globals);
      // After the parsing and before any command. The commands' callbacks must stay: they own what the options write
      // to.
      app.parse_complete_callback([] { throw CLI::Success(); });
    }
  };
  static Program program;
  try {
    program.app.parse(arguments);
  } catch (const CLI::ParseError&) {
  } catch (const Error&) {
  }
}

}  // namespace tessera::fuzz
