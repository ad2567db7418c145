#include "tessera/cli/math/quadratic_grid.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>

#include "tessera/cli/terminal.h"
#include "tessera/math/errors.h"
#include "tessera/math/number/integer.h"
#include "tessera/math/quadratic/laplacian.h"
#include "tessera/math/quadratic/picture.h"

namespace tessera::cli {
namespace {

namespace quadratic = math::quadratic;

quadratic::Grid ReadGrid(const std::string& text) {
  const size_t x = text.find('x');
  if (x == std::string::npos)
    math::FailInput("syntax", "--laplacian: \"{}\" is not WIDTHxHEIGHT, as in 1000x1000", text.substr(0, 60));
  const quadratic::Grid grid = {math::ParseCount(text.substr(0, x), "--laplacian", 1, 1 << 20),
                                math::ParseCount(text.substr(x + 1), "--laplacian", 1, 1 << 20)};
  constexpr int64_t kMost = int64_t{1} << 28;
  if (grid.width > kMost / grid.height) math::FailInput("too-large", "--laplacian: more than {} unknowns", kMost);
  return grid;
}

}  // namespace

void AddGridOptions(CLI::App& command, GridOptions& o) {
  command.add_option("--laplacian", o.laplacian, "A is the five-point Laplacian of a grid, b is -1 everywhere")
      ->type_name("WxH");
  command.add_option("--solver", o.solver, "For --laplacian: multigrid or cg")
      ->check(CLI::IsMember({"multigrid", "cg"}))
      ->capture_default_str();
  command.add_option("--tolerance", o.tolerance, "For --laplacian: where the relative residual ends")
      ->check(CLI::Range(1e-14, 0.5))
      ->capture_default_str();
}

Answer AskGrid(const GridOptions& o, const Globals& globals) {
  const quadratic::Grid grid = ReadGrid(o.laplacian);
  const std::vector<double> b(static_cast<size_t>(grid.size()), -1.0);
  const bool multigrid = o.solver == "multigrid";
  quadratic::CgOptions options{.tolerance = o.tolerance};
  std::optional<quadratic::Multigrid> cycle;
  if (multigrid) {
    cycle.emplace(grid);
    options.precondition = [&](quadratic::Values z, quadratic::ConstValues r) { cycle->Apply(z, r); };
  }
  const bool live = ErrorIsTerminal() && !globals.quiet;
  auto shown = std::chrono::steady_clock::now();
  options.on_progress = [&](int64_t iteration, double residual) {
    if (!live || std::chrono::steady_clock::now() - shown < std::chrono::milliseconds(100)) return;
    shown = std::chrono::steady_clock::now();
    const int filled = static_cast<int>(40 * std::min(1.0, std::log(residual) / std::log(o.tolerance)));
    std::string bar;
    for (int i = 0; i < 40; ++i) bar += i < filled ? "█" : "·";
    fmt::print(stderr, "\r{} {:.1e} after {} iterations", bar, residual, iteration);
  };
  const auto start = std::chrono::steady_clock::now();
  const quadratic::CgResult result = quadratic::ConjugateGradient(quadratic::LaplacianOperator(grid), b, options);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (live) fmt::print(stderr, "\r\033[K");
  if (!result.converged)
    math::FailUndecided("the residual is {:.1e} after {} iterations, above the tolerance", result.residuals.back(),
                        result.residuals.size() - 1);
  double value = 0;  // at the minimum f = b'x/2
  for (size_t i = 0; i < b.size(); ++i) value += b[i] * result.x[i] / 2;
  Answer answer;
  answer.Add("kind", "kind", "unique minimum")
      .Set("inertia", {{"positive", grid.size()}, {"negative", 0}, {"zero", 0}});
  answer.Line("eigenvalues",
              fmt::format("{:.6g} … {:.6g}", quadratic::LeastEigenvalue(grid), quadratic::GreatestEigenvalue(grid)));
  answer.Line("unknowns", fmt::format("{}", grid.size())).Set("unknowns", grid.size());
  answer.Line("value", fmt::format("{:.12g}", value)).Set("value", value);
  answer.Line("in the middle",
              fmt::format("{:.12g}", result.x[static_cast<size_t>(grid.height / 2 * grid.width + grid.width / 2)]));
  answer.Set("middle", result.x[static_cast<size_t>(grid.height / 2 * grid.width + grid.width / 2)]);
  answer.Line("relative residual", fmt::format("{:.2e} after {} iterations, {:.3f} s", result.residuals.back(),
                                               result.residuals.size() - 1, seconds));
  answer.Set("iterations", result.residuals.size() - 1)
      .Set("residual", result.residuals.back())
      .Set("seconds", seconds);
  if (!multigrid) {
    // p, q, x and r each once in and once out, r and p once more in
    const double bytes = 9.0 * 8 * static_cast<double>(grid.size()) * static_cast<double>(result.residuals.size() - 1);
    answer.Line("memory traffic", fmt::format("{:.1f} GB/s", bytes / seconds * 1e-9))
        .Set("bytes_per_second", bytes / seconds);
  }
  return answer.Picture([residuals = result.residuals, multigrid] {
    return quadratic::ResidualFigure(residuals,
                                     multigrid ? "conjugate gradients with multigrid" : "conjugate gradients");
  });
}

}  // namespace tessera::cli
