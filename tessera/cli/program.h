#pragma once
// The command-line program: parses the arguments, runs one subcommand, turns errors into exit codes.

#include "tessera/cli/globals.h"

namespace CLI {
class App;
}

namespace tessera::cli {

inline constexpr int kExitFailed = 1, kExitUsage = 2, kExitInterrupted = 130;

// Gives an empty `program` its global options and every subcommand. Both must outlive the parsing.
void AddCommands(CLI::App& program, Globals& globals);

// Runs the program; returns its exit code. Results go to standard output, everything else to standard error.
int RunProgram(int argc, char** argv);

}  // namespace tessera::cli
