// `tessera math walk`: the drunkard on the line, one question a subcommand.

#include "tessera/cli/math/walk.h"

#include <cmath>
#include <numbers>

#include "tessera/cli/math/commands.h"
#include "tessera/cli/math/options.h"
#include "tessera/math/errors.h"
#include "tessera/math/walk/limits.h"
#include "tessera/math/walk/line.h"
#include "tessera/math/walk/picture.h"

namespace tessera::cli {
namespace {

namespace walk = math::walk;
using math::Rational;

constexpr int64_t kLongest = int64_t{1} << 60;

struct Options {
  AnswerFlags flags;
  std::string n = "20", p = "1/2", x = "0", a = "1", b, stake, goal, level;
  int64_t digits = 20;

  int64_t steps() const { return math::ParseCount(n, "-n", 0, kLongest); }
  Rational chance() const { return math::ParseProbability(p, "--p"); }
};

int64_t Place(const std::string& text, std::string_view what) {
  return math::ParseCount(text, what, -kLongest, kLongest);
}

CLI::App* Ask(CLI::App& walk_command, const std::string& name, const std::string& about,
              const std::shared_ptr<Options>& o) {
  CLI::App* command = walk_command.add_subcommand(name, about);
  command->add_option("--digits", o->digits, "Decimal digits")->capture_default_str();
  return command;
}

void AddSteps(CLI::App& command, Options& o) { AddText(command, "-n,--steps", o.n, "Steps")->capture_default_str(); }
void AddChance(CLI::App& command, Options& o) {
  AddText(command, "--p", o.p, "Chance of a step +1: 3/5, 0.6", "P")->capture_default_str();
}

// The exact fraction where it is not too long, and certified digits in any case.
void AddPoint(Answer& answer, int64_t n, int64_t x, const Rational& p, int64_t digits) {
  constexpr int64_t kExactUpTo = 20'000;
  if (n <= kExactUpTo) {
    AddExact(answer, "probability", "P(S_n = x)", walk::PointProbability(n, x, p), digits);
  } else {
    answer.Add(
        "probability_decimal", "P(S_n = x)",
        math::CertifiedDigits([&](int64_t precision) { return walk::PointProbability(n, x, p, precision); }, digits));
  }
}

Answer AskAt(const Options& o) {
  const int64_t n = o.steps(), x = Place(o.x, "-x");
  const Rational p = o.chance();
  Answer answer;
  answer.Set("n", n).Set("x", x).Set("p", p.ToFraction());
  AddPoint(answer, n, x, p, o.digits);
  answer.Picture([=] { return walk::PointFigure(n, x, p); });
  if (std::abs(x) > n || (n - x) % 2 != 0) {
    return answer.Note(std::abs(x) > n
                           ? "It cannot be that far."
                           : "After an even number of steps it is at an even place, after an odd one at an odd place.");
  }
  if (n == 0 || p.is_zero() || p == Rational(1)) return answer;
  const walk::LocalLimit limit = walk::ApproximatePoint(n, x, p);
  return answer.Add("normal_limit", "normal limit", limit.normal)
      .Add("normal_corrected", "with 1/n terms", limit.corrected);
}

Answer AskFirstPassage(const Options& o) {
  const int64_t n = o.steps(), a = Place(o.a, "-a");
  Answer answer;
  answer.Set("n", n).Set("a", a).Set("p", o.chance().ToFraction());
  AddExact(answer, "probability", "P(first visit to a at n)", walk::FirstPassage(n, a, o.chance()), o.digits);
  AddExact(answer, "ever", "P(ever visits a)", walk::EverReach(a, o.chance()), o.digits);
  answer.Picture([=, p = o.chance()] { return walk::FirstPassageFigure(n, a, p); });
  return answer.Note("|a|/n · P(S_n = a), the hitting time theorem.");
}

Answer AskFirstReturn(const Options& o) {
  Answer answer;
  answer.Set("n", o.steps()).Set("p", o.chance().ToFraction());
  AddExact(answer, "probability", "P(first return at n)", walk::FirstReturn(o.steps(), o.chance()), o.digits);
  AddExact(answer, "ever", "P(ever returns)", walk::EverReturn(o.chance()), o.digits);
  answer.Picture([n = o.steps(), p = o.chance()] { return walk::FirstReturnFigure(n, p); });
  if (o.chance() == walk::kFairP) answer.Note("It returns for certain, after infinitely many steps on average.");
  return answer;
}

Answer AskMaximum(const Options& o) {
  const int64_t n = o.steps(), r = Place(o.x, "-r");
  Answer answer;
  answer.Set("n", n).Set("r", r).Set("p", o.chance().ToFraction());
  AddExact(answer, "probability", "P(max = r)", walk::Maximum(n, r, o.chance()), o.digits);
  if (o.chance() == walk::kFairP) {
    AddExact(answer, "mean", "mean maximum", walk::MeanMaximum(n), o.digits);
    answer.Add("mean_limit", "its limit", std::sqrt(2 * static_cast<double>(n) / std::numbers::pi));
  }
  return answer.Picture([=, p = o.chance()] { return walk::MaximumFigure(n, r, p); });
}

Answer AskArcsine(const Options& o) {
  const int64_t n = o.steps(), at = Place(o.x, "--at");
  Answer answer;
  answer.Set("steps", n).Set("at", at);
  AddExact(answer, "probability", "P(last visit to 0 at that time)", walk::Arcsine(n, at), o.digits);
  answer.Picture([=] { return walk::ArcsineFigure(n, at); });
  return answer.Note("The time spent above 0 has the same law: long leads are the rule, not the exception.");
}

Answer AskBallot(const Options& o) {
  const int64_t a = math::ParseCount(o.a, "-a", 0, kLongest / 2), b = math::ParseCount(o.b, "-b", 0, kLongest / 2);
  Answer answer;
  answer.Set("a", a).Set("b", b);
  AddExact(answer, "probability", "P(A leads throughout)", walk::Ballot(a, b), o.digits);
  return answer.Picture([=] { return walk::BallotFigure(a, b); });
}

Answer AskRuin(const Options& o) {
  const int64_t z = math::ParseCount(o.stake, "--stake", 0, kLongest),
                goal = math::ParseCount(o.goal, "--goal", 1, kLongest);
  const walk::Ruin ruin = walk::GamblersRuin(z, goal, o.chance());
  Answer answer;
  answer.Set("stake", z).Set("goal", goal).Set("p", o.chance().ToFraction());
  AddExact(answer, "ruin", "P(ruin)", ruin.probability, o.digits);
  AddExact(answer, "mean_duration", "mean duration", ruin.mean_duration, o.digits);
  return answer.Picture([=, p = o.chance()] { return walk::RuinFigure(z, goal, p); });
}

Answer AskReturns(const Options& o) {
  const int64_t n = o.steps(), r = Place(o.x, "-r");
  Answer answer;
  answer.Set("n", n).Set("r", r);
  AddExact(answer, "probability", "P(exactly r returns to 0)", walk::Returns(n, r), o.digits);
  if (n % 2 != 0) AddExact(answer, "sign_changes", "P(exactly r changes of sign)", walk::SignChanges(n, r), o.digits);
  AddExact(answer, "mean", "mean returns", walk::MeanReturns(n), o.digits);
  return answer.Add("mean_limit", "its limit", std::sqrt(2 * static_cast<double>(n) / std::numbers::pi)).Picture([=] {
    return walk::ReturnsFigure(n, r);
  });
}

Answer AskSites(const Options& o) {
  Answer answer;
  answer.Set("n", o.steps()).Set("p", o.chance().ToFraction());
  AddExact(answer, "mean", "mean number of places", walk::ExpectedSites(o.steps(), o.chance()), o.digits);
  return answer.Picture([n = o.steps(), p = o.chance()] { return walk::SitesFigure(n, p); });
}

Answer AskReflection(const Options& o) {
  const int64_t n = o.steps(), level = Place(o.level, "--level"), end = Place(o.x, "-x");
  return Answer()
      .Set("n", n)
      .Set("level", level)
      .Set("end", end)
      .Add("paths", "paths that touch and end there", walk::TouchAndEnd(n, level, end).ToString())
      .Picture([=] { return walk::ReflectionFigure(n, level, end); });
}

Answer AskMoments(const Options& o) {
  const int64_t n = o.steps();
  Answer answer;
  answer.Set("n", n).Set("p", o.chance().ToFraction());
  for (int m = 1; m <= 8; ++m)
    AddExact(answer, fmt::format("moment_{}", m), fmt::format("E S^{}", m), walk::Moment(n, m, o.chance()), o.digits);
  if (o.chance() == walk::kFairP) AddExact(answer, "mean_absolute", "E|S|", walk::MeanAbsolute(n), o.digits);
  return answer.Picture([=, p = o.chance()] { return walk::MomentsFigure(n, p); });
}

}  // namespace

void AddWalk(CLI::App& math, const Globals&) {
  CLI::App* command = math.add_subcommand("walk", "The drunkard's walk: exact laws, limits, simulation");
  command->require_subcommand(1);
  command->footer(
      "tessera math walk law -n 20\n  tessera math walk at -n 10000 -x 200 --digits 40\n  tessera math walk polya -d 3 "
      "--digits 60");
  AddWalkLaw(*command);
  const auto add = [&](const char* name, const char* about, Answer (*ask)(const Options&), const std::string& parts) {
    const auto o = std::make_shared<Options>();
    CLI::App* question = Ask(*command, name, about, o);
    if (parts.find('n') != std::string::npos) AddSteps(*question, *o);
    if (parts.find('p') != std::string::npos) AddChance(*question, *o);
    if (parts.find('x') != std::string::npos) AddText(*question, "-x", o->x, "The place", "X")->capture_default_str();
    if (parts.find('r') != std::string::npos) AddText(*question, "-r", o->x, "The value", "R")->capture_default_str();
    if (parts.find('t') != std::string::npos) AddText(*question, "--at", o->x, "The time", "T")->capture_default_str();
    if (parts.find('a') != std::string::npos) AddText(*question, "-a", o->a, "The place", "A")->capture_default_str();
    if (parts.find('v') != std::string::npos) {
      AddText(*question, "-a", o->a, "Votes for A", "A")->required();
      AddText(*question, "-b", o->b, "Votes for B", "B")->required();
    }
    if (parts.find('g') != std::string::npos) {
      AddText(*question, "--stake", o->stake, "Coins at the start", "Z")->required();
      AddText(*question, "--goal", o->goal, "Coins at which the gambler stops", "N")->required();
    }
    if (parts.find('l') != std::string::npos)
      AddText(*question, "--level", o->level, "The level to touch", "L")->required();
    AnswerWith(*question, o, ask);
  };
  add("at", "P(S_n = x), exactly and in digits", AskAt, "npx");
  add("first-passage", "When a place is first visited", AskFirstPassage, "npa");
  add("first-return", "When the origin is first visited again", AskFirstReturn, "np");
  add("maximum", "How far it came", AskMaximum, "npr");
  add("arcsine", "When the origin was last visited", AskArcsine, "nt");
  add("ballot", "Whether one candidate leads throughout the count", AskBallot, "v");
  add("ruin", "Whether a gambler is ruined, and when it ends", AskRuin, "pg");
  add("returns", "How often it came back, and how often it changed sides", AskReturns, "nr");
  add("sites", "How many places it saw", AskSites, "np");
  add("reflection", "Paths that touch a level and end at a place", AskReflection, "nxl");
  add("moments", "E S^m", AskMoments, "np");
  AddWalkLattice(*command);
}

}  // namespace tessera::cli
