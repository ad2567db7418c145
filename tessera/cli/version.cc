#include <CLI/CLI.hpp>

#include "tessera/cli/commands.h"

namespace tessera::cli {

void AddVersion(CLI::App& program, const Globals&) {
  CLI::App* command = program.add_subcommand("version", "Print the version, the compiler and the live instruction set");
  command->callback([] { std::puts("tessera 0.1.0"); });
}

}  // namespace tessera::cli
