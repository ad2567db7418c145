// `tessera math demo`: one page with a taste of everything.

#include "tessera/cli/math/commands.h"
#include "tessera/cli/math/options.h"
#include "tessera/core/atomic_file.h"
#include "tessera/math/calculus/gradient.h"
#include "tessera/math/calculus/picture.h"
#include "tessera/math/harmonic/harmonic.h"
#include "tessera/math/harmonic/proof.h"
#include "tessera/math/quadratic/picture.h"
#include "tessera/math/quadratic/read.h"
#include "tessera/math/walk/law.h"
#include "tessera/math/walk/line.h"
#include "tessera/math/walk/polya.h"

namespace tessera::cli {
namespace {

using math::Rational;

struct Options {
  AnswerFlags flags;
  std::string out = "math.html";
};

constexpr const char* kHead = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Tessera: the mathematics lab</title>
<style>:root{color-scheme:light dark}body{max-width:60rem;margin:2rem auto;padding:0 1rem;font:17px/1.55 system-ui,sans-serif;background:#fff;color:#24292f}
@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}}svg{max-width:100%;height:auto}code{font-size:.9em}h2{margin-top:2.5rem}</style></head><body>
<h1>The mathematics lab</h1><p>Every number on this page is exact, or every digit of it is certain.</p>
)";

std::string Section(const std::string& title, const std::string& text, const std::string& command,
                    const math::plot::Figure& figure) {
  return fmt::format("<h2>{}</h2><p>{}</p><p><code>tessera math {}</code></p>\n{}\n", title, text, command,
                     math::plot::RenderSvg(figure));
}

math::plot::Figure WalkFigure() {
  constexpr int64_t n = 100;
  math::plot::Figure figure{
      .title = "Where a drunkard is after 100 steps", .x_label = "place", .y_label = "probability"};
  math::plot::Bars bars{.name = "exact", .width = 2};
  const std::vector<double> law = math::walk::Law(n, math::walk::kFairP);
  for (int64_t k = 28; k <= 72; ++k) bars.tops.push_back({static_cast<double>(2 * k - n), law[static_cast<size_t>(k)]});
  figure.bars = {bars};
  return figure;
}

std::string Page() {
  std::string page = kHead;
  const std::string home = math::CertifiedDigits([](int64_t p) { return math::walk::ReturnProbability(3, p); }, 30);
  page += Section("A drunkard's walk",
                  "Each second a step to the left or to the right. In the plane he comes home for certain; in space "
                  "only with probability " +
                      home + "….",
                  "walk law -n 100", WalkFigure());
  const auto big = math::harmonic::ParseHarmonicCount("10^100");
  const std::string sum = math::CertifiedDigits([&](int64_t p) { return math::harmonic::Enclose(big, p); }, 40);
  page += Section("Harmonic numbers",
                  "1 + 1/2 + 1/3 + … grows like a logarithm. After 10<sup>100</sup> terms it is " + sum +
                      "…, and it exceeds 100 for the first time after " + math::harmonic::LeastAbove(100).ToString() +
                      " terms.",
                  "harmonic --proof proof.svg", math::harmonic::ProofFigure(6));
  const auto named = math::quadratic::ReadExpression("x^2+x*y+4*y^2-2*x");
  const auto solution = math::quadratic::SolveExact(named.problem);
  page += Section("A quadratic and its minimum",
                  "x² + xy + 4y² − 2x is least, " + solution.value.ToString() + ", at (" + solution.x[0].ToString() +
                      ", " + solution.x[1].ToString() + "). Conjugate gradients need two steps.",
                  "quadratic &quot;x^2+x*y+4*y^2-2*x&quot;",
                  math::quadratic::ContourFigure(named.problem, solution, named.variables));
  const auto formula = math::calculus::ReadFormula("sin(x)*y+x^2/3");
  const std::vector<Rational> point = {1, 1};
  const auto gradient = math::calculus::DifferentiateAt(formula, point, 128);
  page +=
      Section("A gradient", "Along a unit vector u the function rises by ∇f · u. When u turns, that draws a circle.",
              "gradient &quot;sin(x)*y+x^2/3&quot; --at 1,1 --along 1,2",
              math::calculus::GradientFigure(
                  formula, point, {gradient.gradient[0].ToDouble(), gradient.gradient[1].ToDouble()}, {{1, 2}}));
  return page + "</body></html>\n";
}

}  // namespace

void AddDemo(CLI::App& math, const Globals&) {
  CLI::App* command = math.add_subcommand("demo", "A taste of everything on one HTML page");
  const auto o = std::make_shared<Options>();
  command->add_option("-o,--output", o->out, "The page to write")->type_name("FILE")->capture_default_str();
  AddAnswerFlags(*command, o->flags);
  command->callback([o] {
    Respond(o->flags, [&] {
      AtomicFile file(o->out);
      file.Write(Page());
      file.Commit();
      return Answer().Add("page", "page", o->out).Picture(WalkFigure);
    });
  });
}

}  // namespace tessera::cli
