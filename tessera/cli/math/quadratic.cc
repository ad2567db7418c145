// `tessera math quadratic`.

#include "tessera/math/quadratic/quadratic.h"

#include <algorithm>
#include <cmath>

#include "tessera/cli/math/commands.h"
#include "tessera/cli/math/options.h"
#include "tessera/cli/math/quadratic_grid.h"
#include "tessera/core/mapped_file.h"
#include "tessera/math/errors.h"
#include "tessera/math/quadratic/dense.h"
#include "tessera/math/quadratic/picture.h"
#include "tessera/math/quadratic/read.h"
#include "tessera/math/quadratic/sparse.h"

namespace tessera::cli {
namespace {

namespace quadratic = math::quadratic;
using math::Rational;

constexpr int64_t kExactByItself = 40;   // n up to which rational arithmetic is quick enough for everyone
constexpr int64_t kExactFallback = 120;  // n up to which it decides what doubles do not
constexpr int64_t kDenseRows = 1000;     // n from which a file of single entries stays sparse
constexpr size_t kMaxFile = size_t{4} << 30;

struct Options {
  AnswerFlags flags;
  std::string expression, matrix, linear, constant = "0";
  GridOptions grid;
  bool exact = false;
  int64_t digits = 15;
};

std::string NameOf(const std::vector<std::string>& variables, size_t i) {
  return variables.empty() ? fmt::format("x{}", i + 1) : variables[i];
}

void AddVector(Answer& answer, std::string_view key, std::string_view label, const std::vector<Rational>& x,
               const std::vector<std::string>& variables) {
  constexpr size_t kShown = 12;
  Json list = Json::array();
  std::string text;
  for (size_t i = 0; i < x.size(); ++i) {
    list.push_back(x[i].ToFraction());
    if (i < kShown) text += fmt::format("{}{} = {}", i > 0 ? ", " : "", NameOf(variables, i), x[i].ToString());
  }
  if (x.size() > kShown) text += fmt::format(", … ({} in all; --json has them)", x.size());
  answer.Set(key, list).Line(label, text);
}

void AddKind(Answer& answer, quadratic::Kind kind, const quadratic::Inertia& inertia) {
  answer.Add("kind", "kind", std::string(quadratic::Name(kind)));
  answer.Set("inertia", {{"positive", inertia.positive}, {"negative", inertia.negative}, {"zero", inertia.zero}});
  answer.Line("inertia",
              fmt::format("{} positive, {} negative, {} zero", inertia.positive, inertia.negative, inertia.zero));
}

void AddBounds(Answer& answer, quadratic::Kind kind, const Json& value) {
  const bool minimum = kind == quadratic::Kind::kUniqueMinimum || kind == quadratic::Kind::kFlatMinimum;
  const bool maximum = kind == quadratic::Kind::kUniqueMaximum || kind == quadratic::Kind::kFlatMaximum;
  answer.Set("infimum", minimum ? value : Json("-inf")).Set("supremum", maximum ? value : Json("+inf"));
  if (!minimum && !maximum) answer.Line("range", "unbounded below and above");
}

Answer ExactAnswer(const quadratic::NamedProblem& named, int64_t digits) {
  const quadratic::ExactSolution s = quadratic::SolveExact(named.problem);
  Answer answer;
  AddKind(answer, s.kind, s.inertia);
  answer.Set("exact", true).Set("b_in_range", s.b_in_range);
  if (s.b_in_range) {
    const bool flat = !s.null_space.empty();
    AddVector(answer, "x", flat ? "least-norm stationary point" : "stationary point", s.x, named.variables);
    AddExact(answer, "value", "value there", s.value, digits);
    answer.Set("stationary_dim", s.null_space.size());
    if (flat) answer.Line("set", fmt::format("that point plus a null space of dimension {}", s.null_space.size()));
    Json basis = Json::array();
    for (const auto& v : s.null_space) {
      Json row = Json::array();
      for (const Rational& value : v) row.push_back(value.ToFraction());
      basis.push_back(row);
    }
    answer.Set("null_space", basis);
  } else {
    answer.Line("range of A", "b is not in it, so 2Ax + b = 0 has no solution");
  }
  AddBounds(answer, s.kind, s.b_in_range ? Json(s.value.ToFraction()) : Json());
  if (!s.descent.empty()) AddVector(answer, "descent", "falls without bound along", s.descent, named.variables);
  if (!s.ascent.empty() && s.kind != quadratic::Kind::kUniqueMinimum && s.kind != quadratic::Kind::kFlatMinimum)
    AddVector(answer, "ascent", "grows without bound along", s.ascent, named.variables);
  if (named.problem.n == 2) answer.Picture(quadratic::ContourFigure(named.problem, s, named.variables));
  return answer;
}

Answer DoubleAnswer(const quadratic::DenseSolution& s) {
  Answer answer;
  AddKind(answer, s.kind, s.inertia);
  answer.Set("exact", false).Set("b_in_range", true).Set("x", s.x);
  std::string text;
  for (size_t i = 0; i < std::min<size_t>(s.x.size(), 6); ++i)
    text += fmt::format("{}{:.12g}", i > 0 ? ", " : "", s.x[i]);
  answer.Line("stationary point",
              text + (s.x.size() > 6 ? fmt::format(", … ({} in all; --json has them)", s.x.size()) : ""));
  answer.Line("value there", fmt::format("{:.15g}", s.value)).Set("value", s.value).Set("residual", s.residual);
  answer.Line("relative residual", fmt::format("{:.2e}", s.residual));
  AddBounds(answer, s.kind, s.value);
  answer.Set("stationary_dim", 0);
  return answer.Note("The kind is certain: the factorisation ran with a shift above all its rounding errors.");
}

[[noreturn]] void Undecided(int64_t n) {
  math::FailUndecided("an eigenvalue of A is too close to 0 to tell its sign in double precision{}",
                      n <= quadratic::kMaxExactSize ? "; --exact decides it" : "");
}

quadratic::NamedProblem ReadProblem(const Options& o) {
  if (!o.expression.empty()) return quadratic::ReadExpression(o.expression);
  const quadratic::Table a = quadratic::ReadTable(ReadFile(o.matrix, kMaxFile), o.matrix);
  quadratic::NamedProblem named;
  named.problem = {.n = a.rows,
                   .a = a.values,
                   .b = std::vector<Rational>(static_cast<size_t>(a.rows)),
                   .c = math::ParseRational(o.constant, "--constant")};
  if (a.rows != a.columns)
    math::FailInput("dimension", "{}: A is {} × {}; it must be square", o.matrix, a.rows, a.columns);
  if (!o.linear.empty()) named.problem.b = quadratic::ReadTable(ReadFile(o.linear, kMaxFile), o.linear).values;
  return named;
}

quadratic::DenseProblem Rounded(const quadratic::ExactProblem& exact) {
  quadratic::DenseProblem p{.n = exact.n, .c = exact.c.ToDouble()};
  for (const Rational& value : exact.a) p.a.push_back(value.ToDouble());
  for (const Rational& value : exact.b) p.b.push_back(value.ToDouble());
  return p;
}

// A direction along which f is unbounded; of a long one its largest parts.
void AddDirection(Answer& answer, std::string_view key, std::string_view label, const std::vector<double>& v) {
  if (v.empty()) return;
  const auto largest = std::ranges::max_element(v, {}, [](double x) { return std::abs(x); });
  const auto others = std::ranges::count_if(v, [](double x) { return x != 0; }) - 1;
  answer.Set(key, v);
  answer.Line(label, fmt::format("a direction whose largest part is x{} ({} others are not 0; --json has them)",
                                 largest - v.begin() + 1, others));
}

// Zeros of large sparse matrices are never stored.
Answer SparseAnswer(const Options& o, std::string_view text) {
  quadratic::SparseProblem p{.a = quadratic::ReadSparse(text, o.matrix),
                             .c = math::ParseRational(o.constant, "--constant").ToDouble()};
  p.b.assign(static_cast<size_t>(p.a.n), 0);
  if (!o.linear.empty()) p.b = quadratic::ReadDoubleTable(ReadFile(o.linear, kMaxFile), o.linear).values;
  const quadratic::SparseOutcome outcome = quadratic::SolveSparse(p);
  if (!outcome.solution) math::FailUndecided("{}", outcome.why_not);
  Answer answer = DoubleAnswer(*outcome.solution);
  AddDirection(answer, "descent", "falls without bound along", outcome.descent);
  AddDirection(answer, "ascent", "grows without bound along", outcome.ascent);
  answer.Set("entries", p.a.value.size()).Set("factor_entries", outcome.factor_values);
  return answer.Line("sparse",
                     fmt::format("{} entries of A, {} of its factor", p.a.value.size(), outcome.factor_values));
}

// Large matrices never become fractions.
Answer LargeAnswer(const Options& o, std::string_view text) {
  quadratic::DoubleTable table = quadratic::ReadDoubleTable(text, o.matrix);
  if (table.rows != table.columns)
    math::FailInput("dimension", "{}: A is {} × {}; it must be square", o.matrix, table.rows, table.columns);
  quadratic::DenseProblem p{.n = table.rows,
                            .a = std::move(table.values),
                            .b = std::vector<double>(static_cast<size_t>(table.rows)),
                            .c = math::ParseRational(o.constant, "--constant").ToDouble()};
  if (!o.linear.empty()) p.b = quadratic::ReadDoubleTable(ReadFile(o.linear, kMaxFile), o.linear).values;
  const int64_t n = p.n;
  if (const auto solution = quadratic::SolveDense(std::move(p))) return DoubleAnswer(*solution);
  Undecided(n);
}

Answer Ask(const Options& o, const Globals& globals) {
  const int given = !o.expression.empty() + !o.matrix.empty() + !o.grid.laplacian.empty();
  if (given != 1) math::FailInput("usage", "quadratic: give one of a formula, --matrix FILE and --laplacian WxH");
  if (!o.grid.laplacian.empty()) return AskGrid(o.grid, globals);
  constexpr uintmax_t kSmallFile = 1 << 20;
  if (o.expression.empty() && !o.exact) {
    const std::string text = ReadFile(o.matrix, kMaxFile);
    if (quadratic::IsSparseTable(text) && quadratic::SparseRows(text, o.matrix) > kDenseRows)
      return SparseAnswer(o, text);
    if (text.size() > kSmallFile) return LargeAnswer(o, text);
  }
  const quadratic::NamedProblem named = ReadProblem(o);
  quadratic::RequireQuadratic(named.problem);
  if (o.exact || named.problem.n <= kExactByItself) return ExactAnswer(named, o.digits);
  if (const auto solution = quadratic::SolveDense(Rounded(named.problem))) return DoubleAnswer(*solution);
  if (named.problem.n <= kExactFallback) return ExactAnswer(named, o.digits);
  Undecided(named.problem.n);
}

}  // namespace

void AddQuadratic(CLI::App& math, const Globals& globals) {
  CLI::App* command =
      math.add_subcommand("quadratic", "The extremum of x'Ax + b'x + c, of every kind, with its certificate");
  command->footer(
      "tessera math quadratic \"2*x^2+2*x*y+3*y^2+x-2*y\"\n  tessera math quadratic --matrix A.csv --linear b.csv "
      "--exact\n  tessera math quadratic --laplacian 1000x1000 --solver multigrid");
  const auto o = std::make_shared<Options>();
  AddText(*command, "FORMULA", o->expression, "A polynomial of degree two");
  AddText(*command, "--matrix", o->matrix, "A, from a CSV or a Matrix Market file", "FILE");
  AddText(*command, "--linear", o->linear, "b, likewise (default: zeros)", "FILE");
  AddText(*command, "--constant", o->constant, "c", "C")->capture_default_str();
  AddGridOptions(*command, o->grid);
  command->add_flag("--exact", o->exact, "In rational arithmetic (the default up to 40 variables)");
  command->add_option("--digits", o->digits, "Decimal digits")->capture_default_str();
  AddAnswerFlags(*command, o->flags);
  command->callback([o, &globals] { Respond(o->flags, [&] { return Ask(*o, globals); }); });
}

}  // namespace tessera::cli
