#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "tessera/cli/commands.h"
#include "tessera/core/isa.h"

namespace tessera::cli {

void AddVersion(CLI::App& program, const Globals&) {
  CLI::App* command = program.add_subcommand("version", "Print the version, the compiler and the live instruction set");
  command->callback([] { fmt::print("tessera 0.1.0\ninstruction set {}\n", Name(LiveIsa())); });
}

}  // namespace tessera::cli
