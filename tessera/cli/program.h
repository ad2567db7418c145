#pragma once
// The command-line program: parses the arguments, runs one subcommand, turns errors into exit codes.

namespace tessera::cli {

inline constexpr int kExitFailed = 1, kExitUsage = 2, kExitInterrupted = 130;

// Runs the program; returns its exit code. Results go to standard output, everything else to standard error.
int RunProgram(int argc, char** argv);

}  // namespace tessera::cli
