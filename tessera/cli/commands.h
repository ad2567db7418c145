#pragma once
// One function a subcommand, each in the file of its name. It adds the subcommand with its options and callback.

#include <span>
#include <string_view>

#include "tessera/cli/globals.h"

namespace CLI {
class App;
}

namespace tessera::cli {

struct NamedCommand {
  std::string_view name;
  void (*add)(CLI::App& parent, const Globals& globals);
  enum class About { kItself, kAllCommands } about = About::kItself;  // whether it describes the other commands
};

// Adds those of `commands` that may be meant: the one that is argument `place` of what was typed, else all of them.
// Each takes some 50 microseconds to make, so a program that makes them all is slow to start.
void AddMeant(CLI::App& parent, std::span<const NamedCommand> commands, const Globals& globals, size_t place);

void AddBench(CLI::App& program, const Globals& globals);
void AddCompletion(CLI::App& program, const Globals& globals);
void AddDetokenize(CLI::App& program, const Globals& globals);
void AddForward(CLI::App& program, const Globals& globals);
void AddGrad(CLI::App& program, const Globals& globals);
void AddManual(CLI::App& program, const Globals& globals);
void AddQuantize(CLI::App& program, const Globals& globals);
void AddTemplate(CLI::App& program, const Globals& globals);
void AddTokenize(CLI::App& program, const Globals& globals);
void AddInspect(CLI::App& program, const Globals& globals);
void AddList(CLI::App& program, const Globals& globals);
void AddMath(CLI::App& program, const Globals& globals);
void AddPerplexity(CLI::App& program, const Globals& globals);
void AddPull(CLI::App& program, const Globals& globals);
void AddRun(CLI::App& program, const Globals& globals);
void AddVersion(CLI::App& program, const Globals& globals);

}  // namespace tessera::cli
