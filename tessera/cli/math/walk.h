#pragma once
// The parts of `tessera math walk`.

namespace CLI {
class App;
}

namespace tessera::cli {

void AddWalkLaw(CLI::App& walk);      // law, gf
void AddWalkLattice(CLI::App& walk);  // lattice, polya, simulate

}  // namespace tessera::cli
