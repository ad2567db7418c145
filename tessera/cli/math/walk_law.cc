// `tessera math walk law` and `gf`: whole laws.

#include <cmath>
#include <numbers>

#include "tessera/cli/math/options.h"
#include "tessera/cli/math/walk.h"
#include "tessera/math/walk/generating_function.h"
#include "tessera/math/walk/law.h"
#include "tessera/math/walk/limits.h"
#include "tessera/math/walk/line.h"
#include "tessera/math/walk/picture.h"

namespace tessera::cli {
namespace {

namespace walk = math::walk;
using math::Rational;

struct Options {
  AnswerFlags flags;
  std::string n = "20", p = "1/2", of = "returns", a = "1";
  int64_t terms = 12, digits = 10;
  bool exact = false;
};

constexpr int64_t kShownPlaces = 64;    // of a table for people
constexpr int64_t kErrorUpTo = 20'000;  // steps up to which the error of the normal limit is worth its time

math::plot::Figure LawFigure(int64_t n, const Rational& p, const std::vector<double>& law) {
  const double chance = p.ToDouble(), mean = static_cast<double>(n) * (2 * chance - 1);
  const double sigma = std::sqrt(4 * chance * (1 - chance) * static_cast<double>(n));
  math::plot::Figure figure{.title = fmt::format("Where the walk is after {} steps, p = {}", n, p.ToString()),
                            .x_label = "place x",
                            .y_label = "P(S_n = x)"};
  math::plot::Bars bars{.name = "exact", .width = 2};
  math::plot::Curve normal{.name = "normal limit", .color = 1};
  // Bars that would be narrower than a dot are a curve.
  const double reach = std::max(5 * sigma, 2.0);
  math::plot::Curve outline{.name = "exact", .color = 0};
  const bool as_bars = 2 * reach < 600;
  for (int64_t k = 0; k <= n; ++k) {
    const auto x = static_cast<double>(2 * k - n);
    if (std::abs(x - mean) > reach && n > 60) continue;
    (as_bars ? bars.tops : outline.points).push_back({x, law[static_cast<size_t>(k)]});
  }
  if (as_bars) {
    figure.bars = {bars};
  } else {
    figure.curves = {outline};
  }
  if (sigma > 0) {
    for (int i = -200; i <= 200; ++i) {
      const double t = i / 50.0;
      const double x = mean + t * sigma;
      if (std::abs(x) <= static_cast<double>(n))
        normal.points.push_back({x, 2 / (sigma * std::sqrt(2 * std::numbers::pi)) * std::exp(-t * t / 2)});
    }
    figure.curves.push_back(normal);
  }
  return figure;
}

void AddMoments(Answer& answer, int64_t n, const Rational& p, int64_t digits) {
  const Rational mean = walk::Moment(n, 1, p);
  AddExact(answer, "mean", "mean n(p - q)", mean, digits);
  AddExact(answer, "variance", "variance 4pqn", walk::Moment(n, 2, p) - mean * mean, digits);
}

void AddExactLaw(Answer& answer, int64_t n, const Rational& p, int64_t digits) {
  const walk::ExactLaw law(n, p);
  Json places = Json::array(), fractions = Json::array();
  std::vector<std::vector<std::string>> rows = {{"x", "P(S_n = x)", "", "normal limit", "with 1/n terms"}};
  const bool random = n > 0 && !p.is_zero() && p != Rational(1);
  for (int64_t k = 0; k <= n; ++k) {
    const Rational value = law.Probability(k);
    places.push_back(2 * k - n);
    fractions.push_back(value.ToFraction());
    if (n >= kShownPlaces) continue;
    const walk::LocalLimit limit = random ? walk::ApproximatePoint(n, 2 * k - n, p) : walk::LocalLimit{};
    rows.push_back({fmt::format("{}", 2 * k - n), value.ToString(), math::Digits(value, digits),
                    fmt::format("{:.6g}", limit.normal), fmt::format("{:.6g}", limit.corrected)});
  }
  answer.Set("x", places).Set("probability", fractions);
  if (n < kShownPlaces) {
    answer.Table(rows);
  } else {
    std::string text;
    for (int64_t k = 0; k <= n; ++k)
      text += fmt::format("{} {}\n", 2 * k - n, fractions[static_cast<size_t>(k)].get<std::string>());
    text.pop_back();
    answer.Note(text);
  }
}

void AddDoubleLaw(Answer& answer, int64_t n, const std::vector<double>& law) {
  Json places = Json::array();
  std::vector<std::vector<std::string>> rows = {{"x", "P(S_n = x)"}};
  double most = 0;
  for (const double value : law) most = std::max(most, value);
  for (int64_t k = 0; k <= n; ++k) {
    places.push_back(2 * k - n);
    const double value = law[static_cast<size_t>(k)];
    const int64_t step = std::max<int64_t>(1, static_cast<int64_t>(std::sqrt(static_cast<double>(n)) / 6));
    if ((k - n / 2) % step == 0 && value > most * 1e-6)
      rows.push_back({fmt::format("{}", 2 * k - n), fmt::format("{:.17g}", value)});
  }
  answer.Set("x", places).Set("probability", law);
  answer.Table(rows);
}

Answer AskLaw(const Options& o) {
  const int64_t n = math::ParseCount(o.n, "-n", 0, walk::kMaxLawSteps);
  const Rational p = math::ParseProbability(o.p, "--p");
  Answer answer;
  answer.Set("n", n).Set("p", p.ToFraction());
  answer.Note(
      fmt::format("After {} steps, k of them up, the walk is at x = 2k - {}: P = C({}, k) p^k q^({} - k), p = {}.", n,
                  n, n, n, p.ToString()));
  answer.Note("The steps are independent and only their number counts, not their order: the law is binomial.");
  AddMoments(answer, n, p, o.digits);
  const std::vector<double> law = walk::Law(n, p);
  if (o.exact || n < kShownPlaces) {
    AddExactLaw(answer, n, p, o.digits);
  } else {
    AddDoubleLaw(answer, n, law);
  }
  if (n > 0 && n <= kErrorUpTo && !p.is_zero() && p != Rational(1)) {
    answer.Add("normal_error", "greatest error of the normal limit",
               math::CertifiedDigits([&](int64_t precision) { return walk::NormalError(n, p, precision); },
                                     std::min<int64_t>(o.digits, 30)));
  }
  return answer.Picture([=] { return LawFigure(n, p, law); });
}

Answer AskGf(const Options& o) {
  const Rational p = math::ParseProbability(o.p, "--p");
  const walk::Sequence sequence = o.of == "returns"        ? walk::Sequence::kReturns
                                  : o.of == "first-return" ? walk::Sequence::kFirstReturn
                                                           : walk::Sequence::kFirstPassage;
  const int64_t a = math::ParseCount(o.a, "-a", -1'000'000, 1'000'000);
  const auto gf = walk::GeneratingFunctionOf(sequence, p, a, o.terms);
  Answer answer;
  answer.Add("formula", "generating function", gf.formula);
  Json coefficients = Json::array();
  std::string text;
  for (size_t n = 0; n < gf.coefficients.size(); ++n) {
    coefficients.push_back(gf.coefficients[n].ToFraction());
    if (gf.coefficients[n].is_zero()) continue;
    const std::string power = n == 0 ? "" : n == 1 ? " z" : fmt::format(" z^{}", n);
    text += (text.empty() ? "" : " + ") + gf.coefficients[n].ToString() + power;
  }
  answer.Set("coefficients", coefficients).Line("begins", text.empty() ? "0" : text + " + …");
  answer.Set("radius", gf.radius).Set("radius_decimal", gf.radius_value);
  answer.Line("singular at", fmt::format("z = ±R, R = {} ≈ {:.10g}", gf.radius, gf.radius_value));
  answer.Add("singularity", "kind", gf.type);
  return answer.Add("asymptotics", "hence for m → ∞", gf.asymptotics).Picture([=] {
    return walk::CoefficientsFigure(sequence, p, a, gf.coefficients);
  });
}

}  // namespace

void AddWalkLaw(CLI::App& walk_command) {
  {
    const auto o = std::make_shared<Options>();
    CLI::App* command = walk_command.add_subcommand("law", "The whole distribution of the place after n steps");
    AddText(*command, "-n,--steps", o->n, "Steps")->capture_default_str();
    AddText(*command, "--p", o->p, "Chance of a step +1: 3/5, 0.6", "P")->capture_default_str();
    command->add_flag("--exact", o->exact, "Fractions however many (the default below 64 steps)");
    command->add_option("--digits", o->digits, "Decimal digits")->capture_default_str();
    AnswerWith(*command, o, AskLaw);
  }
  const auto o = std::make_shared<Options>();
  CLI::App* command =
      walk_command.add_subcommand("gf", "The generating function and the singularity that makes the limit");
  command->add_option("--of", o->of, "returns, first-return or first-passage")
      ->check(CLI::IsMember({"returns", "first-return", "first-passage"}))
      ->capture_default_str();
  AddText(*command, "--p", o->p, "Chance of a step +1", "P")->capture_default_str();
  AddText(*command, "-a", o->a, "The place of the first passage", "A")->capture_default_str();
  command->add_option("--terms", o->terms, "Coefficients")->capture_default_str();
  AnswerWith(*command, o, AskGf);
}

}  // namespace tessera::cli
