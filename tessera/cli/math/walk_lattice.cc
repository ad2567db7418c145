// `tessera math walk lattice`, `polya` and `simulate`: walks in more dimensions, and many at once.

#include <cmath>

#include "tessera/cli/math/options.h"
#include "tessera/cli/math/walk.h"
#include "tessera/math/errors.h"
#include "tessera/math/walk/check.h"
#include "tessera/math/walk/lattice.h"
#include "tessera/math/walk/picture.h"
#include "tessera/math/walk/polya.h"
#include "tessera/math/walk/simulate.h"

namespace tessera::cli {
namespace {

namespace walk = math::walk;
using math::Rational;

struct Options {
  AnswerFlags flags;
  std::string n = "10", p = "1/2", place, walkers = "1e6", seed = "1";
  int d = 3;
  int64_t digits = 20;
  bool check = false;
};

std::vector<int64_t> Coordinates(const std::string& text) {
  std::vector<int64_t> place;
  for (size_t from = 0; from <= text.size();) {
    const size_t comma = std::min(text.find(',', from), text.size());
    place.push_back(math::ParseCount(text.substr(from, comma - from), "--at", -1'000'000, 1'000'000));
    from = comma + 1;
  }
  return place;
}

Answer AskLattice(const Options& o) {
  const int64_t n = math::ParseCount(o.n, "-n", 0, walk::kMaxLatticeSteps);
  Answer answer;
  answer.Set("d", o.d).Set("n", n);
  if (!o.place.empty()) {
    const std::vector<int64_t> place = Coordinates(o.place);
    AddExact(answer, "probability", fmt::format("P(at ({}) after n steps)", o.place), walk::LatticePoint(n, place),
             o.digits);
    return answer.Set("d", place.size()).Set("at", place).Picture([=] { return walk::LatticePlaceFigure(n, place); });
  }
  AddExact(answer, "return_at", "P(back at step n)", walk::LatticeReturnAt(o.d, n), o.digits);
  AddExact(answer, "first_return_at", "P(back for the first time at step n)", walk::LatticeFirstReturn(o.d, n),
           o.digits);
  AddExact(answer, "return_within", "P(back within n steps)", walk::LatticeReturnWithin(o.d, n), o.digits);
  AddExact(answer, "expected_sites", "mean number of places seen", walk::LatticeExpectedSites(o.d, n), o.digits);
  return answer.Add("mean_square_distance", "mean square distance", n).Picture([=, d = o.d] {
    return walk::LatticeFigure(d, n);
  });
}

Answer AskPolya(const Options& o) {
  Answer answer;
  answer.Set("d", o.d).Picture([d = o.d] { return walk::PolyaFigure(d); });
  if (o.d == 1 || o.d == 2) {
    return answer.Add("return_probability", "P(ever comes home)", "1").Line("mean visits", "infinite");
  }
  answer.Add(
      "return_probability", "P(ever comes home)",
      math::CertifiedDigits([&](int64_t precision) { return walk::ReturnProbability(o.d, precision); }, o.digits));
  answer.Add("expected_visits", "mean visits to the origin",
             math::CertifiedDigits([&](int64_t precision) { return walk::ExpectedVisits(o.d, precision); }, o.digits));
  return answer.Note(o.d == 3 ? "In closed form: 1 - 1/u, u = sqrt(6)/(32 pi^3) Γ(1/24) Γ(5/24) Γ(7/24) Γ(11/24)."
                              : "1 - 1/u, u = ∫ e^-t I_0(t/d)^d dt, enclosed in ball arithmetic.");
}

void AddChecks(Answer& answer, const walk::Simulated& simulated, int d) {
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows = {{"check", "statistic", "degrees", "p-value", ""}};
  bool passed = true;
  for (const walk::Check& check : walk::CheckAgainstLaw(simulated, d)) {
    constexpr double kFails = 1e-5;  // a right program fails one of five checks once in 20,000 runs
    const bool right = check.p_value > kFails;
    passed = passed && right;
    rows.push_back({check.what, fmt::format("{}{:.3f}", check.freedom > 0 ? "χ² " : "z ", check.statistic),
                    check.freedom > 0 ? fmt::format("{}", check.freedom) : "", fmt::format("{:.4f}", check.p_value),
                    right ? "agrees" : "DIFFERS"});
    list.push_back({{"check", check.what},
                    {"statistic", check.statistic},
                    {"degrees", check.freedom},
                    {"p_value", check.p_value}});
  }
  answer.Set("checks", list).Set("agrees", passed).Table(rows);
}

Answer AskSimulate(const Options& o) {
  walk::SimulateOptions options{.dimensions = o.d,
                                .walkers = math::ParseCount(o.walkers, "--walkers", 1, 1'000'000'000),
                                .steps = math::ParseCount(o.n, "--steps", 0, 100'000'000),
                                .seed = static_cast<uint64_t>(math::ParseCount(o.seed, "--seed", 0, INT64_MAX)),
                                .p = math::ParseProbability(o.p, "--p")};
  const walk::Simulated s = walk::Simulate(options);
  Answer answer;
  answer.Set("d", o.d).Add("walkers", "walkers", s.walkers).Add("steps", "steps each", s.steps);
  const double back = 1 - static_cast<double>(s.returns[0]) / static_cast<double>(s.walkers);
  answer.Add("mean_square_distance", "mean square distance", s.mean_square)
      .Add("share_returned", "share that came home", back);
  if (s.p != options.p) answer.Line("p", fmt::format("{:.12f}, rounded to a multiple of 2^-32", s.p.ToDouble()));
  if (o.check) AddChecks(answer, s, o.d);
  return answer.Picture([=] { return walk::SimulatedFigure(s, options); });
}

}  // namespace

void AddWalkLattice(CLI::App& walk_command) {
  {
    const auto o = std::make_shared<Options>();
    CLI::App* command = walk_command.add_subcommand("lattice", "Exact counts in one, two and three dimensions");
    command->add_option("-d,--dimensions", o->d, "Dimensions")->capture_default_str();
    AddText(*command, "-n,--steps", o->n, "Steps")->capture_default_str();
    AddText(*command, "--at", o->place, "A place, as 1,0 or 1,0,-2; else the origin's questions", "PLACE");
    command->add_option("--digits", o->digits, "Decimal digits")->capture_default_str();
    AnswerWith(*command, o, AskLattice);
  }
  {
    const auto o = std::make_shared<Options>();
    CLI::App* command = walk_command.add_subcommand("polya", "Whether a drunkard in d dimensions ever comes home");
    command->add_option("-d,--dimensions", o->d, "Dimensions")->capture_default_str();
    command->add_option("--digits", o->digits, "Decimal digits")->capture_default_str();
    AnswerWith(*command, o, AskPolya);
  }
  const auto o = std::make_shared<Options>();
  o->d = 1;
  o->n = "1000";
  CLI::App* command = walk_command.add_subcommand("simulate", "Many walks at once, tested against the exact law");
  command->add_option("-d,--dimensions", o->d, "Dimensions, 1 … 8")->capture_default_str();
  AddText(*command, "--walkers", o->walkers, "Walkers")->capture_default_str();
  AddText(*command, "-n,--steps", o->n, "Steps of each")->capture_default_str();
  AddText(*command, "--seed", o->seed, "Seed of the random numbers")->capture_default_str();
  AddText(*command, "--p", o->p, "Chance of a step +1, in one dimension", "P")->capture_default_str();
  command->add_flag("--check", o->check, "Compare with the exact law by chi-square and z");
  AnswerWith(*command, o, AskSimulate);
}

}  // namespace tessera::cli
