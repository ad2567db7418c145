#pragma once
// The questions that `tessera math` answers; each adds its subcommand of it.

#include "tessera/cli/globals.h"

namespace CLI {
class App;
}

namespace tessera::cli {

void AddDemo(CLI::App& math, const Globals& globals);
void AddFloat(CLI::App& math, const Globals& globals);
void AddGradient(CLI::App& math, const Globals& globals);
void AddHarmonic(CLI::App& math, const Globals& globals);
void AddQuadratic(CLI::App& math, const Globals& globals);
void AddWalk(CLI::App& math, const Globals& globals);

}  // namespace tessera::cli
