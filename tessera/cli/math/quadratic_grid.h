#pragma once
// `tessera math quadratic --laplacian WxH`: a quadratic with a million unknowns.

#include <string>

#include "tessera/cli/globals.h"
#include "tessera/cli/math/answer.h"

namespace tessera::cli {

struct GridOptions {
  std::string laplacian, solver = "multigrid";
  double tolerance = 1e-8;
};
void AddGridOptions(CLI::App& command, GridOptions& options);
Answer AskGrid(const GridOptions& options, const Globals& globals);

}  // namespace tessera::cli
