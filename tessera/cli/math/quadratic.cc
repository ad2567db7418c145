// `tessera math quadratic`.

#include "tessera/math/quadratic/quadratic.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "tessera/cli/math/commands.h"
#include "tessera/cli/math/options.h"
#include "tessera/cli/math/quadratic_grid.h"
#include "tessera/core/mapped_file.h"
#include "tessera/math/errors.h"
#include "tessera/math/quadratic/dense.h"
#include "tessera/math/quadratic/picture.h"
#include "tessera/math/quadratic/read.h"
#include "tessera/math/quadratic/sparse_singular.h"

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
  answer.Picture([=] {
    return named.problem.n == 2 ? quadratic::ContourFigure(named.problem, s, named.variables)
                                : quadratic::ManyVariablesFigure(named.problem, s);
  });
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
  answer.Set("stationary_dim", s.inertia.zero);
  return answer.Note("The kind is certain: the factorisation ran with a shift above all its rounding errors.");
}

// Of a minimum or a maximum the two ways to it; of a saddle, whose matrix tells less, its parts.
void AddDoublePicture(Answer& answer, const quadratic::SparseOutcome& outcome, const std::vector<double>& b,
                      const quadratic::Product& multiply, double work) {
  const quadratic::Kind kind = outcome.solution->kind;
  if (kind == quadratic::Kind::kSaddle || !multiply) {
    answer.Picture([=] { return quadratic::PartsFigure(outcome.solution->x, outcome.descent, outcome.ascent); });
    return;
  }
  const double sign = kind == quadratic::Kind::kUniqueMaximum ? -1 : 1;
  answer.Picture([=] {
    const auto signed_product = [&](const std::vector<double>& x, std::vector<double>& y) {
      multiply(x, y);
      for (double& value : y) value *= sign;
    };
    return quadratic::DescentFigure(signed_product, b, work);
  });
}

// y = Ax of a dense matrix that the solver has not used up.
quadratic::Product DenseProduct(std::shared_ptr<const quadratic::DenseProblem> p) {
  return [p](const std::vector<double>& x, std::vector<double>& y) {
    const size_t n = x.size();
    for (size_t i = 0; i < n; ++i) {
      double sum = 0;
      for (size_t j = 0; j < n; ++j) sum += p->a[i * n + j] * x[j];
      y[i] = sum;
    }
  };
}

Answer DenseAnswer(const quadratic::DenseSolution& s, const std::shared_ptr<const quadratic::DenseProblem>& p) {
  Answer answer = DoubleAnswer(s);
  const auto n = static_cast<double>(s.x.size());
  AddDoublePicture(answer, {.solution = s}, p ? p->b : std::vector<double>(), p ? DenseProduct(p) : nullptr, n * n);
  return answer;
}

// `text` is of the file --matrix, if there is one.
quadratic::NamedProblem ReadProblem(const Options& o, std::string_view text) {
  if (!o.expression.empty()) return quadratic::ReadExpression(o.expression);
  const quadratic::Table a = quadratic::ReadTable(text, o.matrix);
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

std::vector<Rational> ExactLinear(const Options& o, int64_t n) {
  if (o.linear.empty()) return std::vector<Rational>(static_cast<size_t>(n));
  return quadratic::ReadTable(ReadFile(o.linear, kMaxFile), o.linear).values;
}

// Where doubles leave eigenvalues near 0 open, null vectors that fractions prove.
Answer SingularAnswer(const quadratic::SparseProblem& p, const quadratic::SparseOutcome& outcome,
                      const std::function<quadratic::SparseExact()>& exactly) {
  std::optional<quadratic::SingularSolution> s;
  if (outcome.near_zero > 0) {
    const quadratic::SparseExact exact = exactly();
    if (exact.a.size() == p.a.value.size()) s = quadratic::SolveSingular(p, exact, outcome);
  }
  if (!s) math::FailUndecided("{}{}", outcome.why_not, p.a.n <= quadratic::kMaxExactSize ? "; --exact decides it" : "");
  Answer answer;
  if (s->b_in_range) {
    answer = DoubleAnswer(s->solution);
  } else {
    AddKind(answer, s->solution.kind, s->solution.inertia);
    answer.Set("exact", false).Set("b_in_range", false);
    answer.Line("range of A", "b is not in it, so 2Ax + b = 0 has no solution");
    AddBounds(answer, s->solution.kind, Json());
  }
  AddDirection(answer, "descent", "falls without bound along", s->descent);
  AddDirection(answer, "ascent", "grows without bound along", s->ascent);
  answer.Set("stationary_dim", s->b_in_range ? s->solution.inertia.zero : 0);
  answer.Line("null space", fmt::format("of dimension {}, verified in rational arithmetic", s->solution.inertia.zero));
  if (!s->free_variables.empty()) answer.Set("free_variables", s->free_variables);
  Json basis = Json::array();
  for (const auto& v : s->null_space) {
    Json row = Json::array();
    for (const Rational& value : v) row.push_back(value.ToFraction());
    basis.push_back(row);
  }
  return answer.Set("null_space", basis).Picture([s = *s] {
    return quadratic::PartsFigure(s.solution.x, s.descent, s.ascent);
  });
}

// Zeros of large sparse matrices are never stored.
Answer SparseAnswer(const Options& o, std::string_view text) {
  const auto shared = std::make_shared<quadratic::SparseProblem>();
  quadratic::SparseProblem& p = *shared;
  p.a = quadratic::ReadSparse(text, o.matrix);
  p.c = math::ParseRational(o.constant, "--constant").ToDouble();
  p.b.assign(static_cast<size_t>(p.a.n), 0);
  if (!o.linear.empty()) p.b = quadratic::ReadDoubleTable(ReadFile(o.linear, kMaxFile), o.linear).values;
  const quadratic::SparseOutcome outcome = quadratic::SolveSparse(p);
  if (!outcome.solution)
    return SingularAnswer(p, outcome, [&]() -> quadratic::SparseExact {
      return {.a = quadratic::ReadSparseValues(text, o.matrix), .b = ExactLinear(o, p.a.n)};
    });
  Answer answer = DoubleAnswer(*outcome.solution);
  AddDirection(answer, "descent", "falls without bound along", outcome.descent);
  AddDirection(answer, "ascent", "grows without bound along", outcome.ascent);
  AddDoublePicture(
      answer, outcome, p.b,
      [shared](const std::vector<double>& x, std::vector<double>& y) { shared->a.Multiply(x, y); },
      static_cast<double>(p.a.value.size()));
  answer.Set("entries", p.a.value.size()).Set("factor_entries", outcome.factor_values);
  return answer.Line("sparse",
                     fmt::format("{} entries of A, {} of its factor", p.a.value.size(), outcome.factor_values));
}

// A singular matrix of any kind, by its entries that are not zero.
Answer ByNullVectors(const quadratic::ExactProblem& exact) {
  const auto n = static_cast<size_t>(exact.n);
  quadratic::SparseProblem p{.a = {.n = exact.n, .start = {0}}, .c = exact.c.ToDouble()};
  quadratic::SparseExact values{.b = exact.b};
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) {
      if (exact.a[i * n + j].is_zero()) continue;
      p.a.column.push_back(static_cast<int32_t>(j));
      p.a.value.push_back(exact.a[i * n + j].ToDouble());
      values.a.push_back(exact.a[i * n + j]);
    }
    p.a.start.push_back(std::ssize(p.a.column));
    p.b.push_back(exact.b[i].ToDouble());
  }
  const quadratic::SparseOutcome outcome = quadratic::SolveSparse(p);
  if (outcome.solution) return DoubleAnswer(*outcome.solution);
  return SingularAnswer(p, outcome, [&] { return values; });
}

// Large matrices never become fractions, but for those whose kind doubles leave open.
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
  constexpr int64_t kFractions = 2000;  // n up to which that takes seconds
  // The solver uses up the matrix; a picture needs it once more.
  const auto kept = WantsPicture(o.flags) ? std::make_shared<const quadratic::DenseProblem>(p) : nullptr;
  if (const auto solution = quadratic::SolveDense(std::move(p))) return DenseAnswer(*solution, kept);
  if (n <= kFractions) return ByNullVectors(ReadProblem(o, text).problem);
  math::FailUndecided("an eigenvalue of A is too close to 0 to tell its sign in double precision");
}

Answer Ask(const Options& o, const Globals& globals) {
  const int given = !o.expression.empty() + !o.matrix.empty() + !o.grid.laplacian.empty();
  if (given != 1) math::FailInput("usage", "quadratic: give one of a formula, --matrix FILE and --laplacian WxH");
  if (!o.grid.laplacian.empty()) return AskGrid(o.grid, globals);
  constexpr uintmax_t kSmallFile = 1 << 20;
  const std::string text = o.matrix.empty() ? "" : ReadFile(o.matrix, kMaxFile);
  if (!o.matrix.empty() && !o.exact) {
    if (quadratic::IsSparseTable(text) && quadratic::SparseRows(text, o.matrix) > kDenseRows)
      return SparseAnswer(o, text);
    if (text.size() > kSmallFile) return LargeAnswer(o, text);
  }
  const quadratic::NamedProblem named = ReadProblem(o, text);
  quadratic::RequireQuadratic(named.problem);
  if (o.exact || named.problem.n <= kExactByItself) return ExactAnswer(named, o.digits);
  const auto rounded = std::make_shared<const quadratic::DenseProblem>(Rounded(named.problem));
  if (const auto solution = quadratic::SolveDense(*rounded)) return DenseAnswer(*solution, rounded);
  if (named.problem.n <= kExactFallback) return ExactAnswer(named, o.digits);
  return ByNullVectors(named.problem);
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
