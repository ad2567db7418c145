// `tessera math gradient`.

#include "tessera/math/calculus/gradient.h"

#include <cmath>

#include "tessera/cli/math/commands.h"
#include "tessera/cli/math/options.h"
#include "tessera/core/mapped_file.h"
#include "tessera/math/calculus/parse.h"
#include "tessera/math/calculus/picture.h"
#include "tessera/math/calculus/print.h"
#include "tessera/math/calculus/rules.h"
#include "tessera/math/errors.h"

namespace tessera::cli {
namespace {

using namespace math::calculus;  // NOLINT: this file only talks about it
using math::Rational;

struct Options {
  AnswerFlags flags;
  std::string formula, file, at;
  std::vector<std::string> along;
  int64_t digits = 15;
  bool latex = false;
};

// The space before "-x^2" kept it from being a flag.
std::string WithoutMark(const std::string& text) { return text.starts_with(" -") ? text.substr(1) : text; }

std::string FormulaOf(const Options& o) {
  return o.file.empty() ? WithoutMark(o.formula) : ReadFile(o.file, math::calculus::kMaxExpressionBytes);
}

// Everything that is asked about one formula at one point.
class Question {
 public:
  explicit Question(const Options& o) : o_(o), f_(ReadFormula(FormulaOf(o))) {}

  Answer Ask() {
    AddPartials();
    if (o_.at.empty()) {
      if (!o_.along.empty()) math::FailInput("unbound-variable", "--along needs a place: --at");
      if (count() == 1 || count() == 2) answer_.Picture([f = f_] { return FormulaFigure(f); });
      return std::move(answer_);
    }
    point_ = BindPoint(f_, ReadAssignments(o_.at, "--at"));
    ReadDirections();
    const GradientAt g = AtEnoughPrecision();
    answer_.Line("at", o_.at);
    AddValue(g.value);
    if (g.differentiable) {
      AddGradient(g);
    } else {
      answer_.Set("error", "not-differentiable")
          .Set("message", g.reason)
          .Line("gradient", "there is none: " + g.reason)
          .Exit(kExitNoAnswer);
    }
    AddDirections(g);
    AddPicture(g);
    return std::move(answer_);
  }

 private:
  const Options& o_;
  Formula f_;
  Answer answer_;
  std::vector<NodeId> partials_;
  std::vector<Rational> point_;
  std::vector<std::vector<Rational>> directions_;
  std::vector<std::string> exact_gradient_;  // texts, in the graph's order
  int64_t precision_ = 0;

  size_t count() const { return f_.order.size(); }
  const std::string& name(size_t k) const { return f_.graph.variables()[f_.order[k]]; }

  // The partial derivatives as functions. Long ones have named parts in common.
  void AddPartials() {
    constexpr size_t kShortEnough = 200;
    const Notation notation = o_.latex ? Notation::kLatex : Notation::kPlain;
    partials_ = SymbolicGradient(f_.graph, f_.root);
    NamedText named = ToNamedText(f_.graph, partials_, notation);
    size_t bytes = 0;
    for (const auto& part : named.parts) bytes += part.second.size();
    for (const std::string& root : named.roots) bytes += root.size();
    if (bytes < kShortEnough) {
      named.parts.clear();
      for (size_t i = 0; i < partials_.size(); ++i) named.roots[i] = ToText(f_.graph, partials_[i], notation);
    }
    // The names differ, so nothing is looked for: a search by name would take n² steps.
    Json parts = Json::object(), partials = Json::object();
    const auto append = [](Json& object, const std::string& key, const std::string& text) {
      object.get_ref<Json::object_t&>().emplace_back(key, text);
    };
    for (const auto& [part, text] : named.parts) {
      append(parts, part, text);
      answer_.Line(part, "= " + text);
    }
    for (size_t k = 0; k < count(); ++k) {
      const std::string& text = named.roots[f_.order[k]];
      append(partials, name(k), text);
      answer_.Line(o_.latex ? fmt::format("\\partial f/\\partial {}", name(k)) : "∂f/∂" + name(k), "= " + text);
    }
    answer_.Set("common_parts", parts).Set("partials", partials);
  }

  void ReadDirections() {
    for (const std::string& text : o_.along) {
      std::vector<Rational> v(count());
      const auto values = ReadAssignments(text, "--along");
      if (values.size() != count())
        math::FailInput("dimension", "--along {} has {} numbers but the formula has {} variable{}", text, values.size(),
                        count(), count() == 1 ? "" : "s");
      bool zero = true;
      for (size_t k = 0; k < count(); ++k) {
        size_t i = f_.order[k];
        if (!values[k].name.empty())
          for (size_t j = 0; j < count(); ++j)
            if (f_.graph.variables()[j] == values[k].name) i = j;
        v[i] = values[k].value;
        zero = zero && v[i].is_zero();
      }
      if (zero) math::FailInput("zero-direction", "--along {} has length 0 and points nowhere", text);
      directions_.push_back(std::move(v));
    }
  }

  // At a precision at which nothing is left undecided, up to a limit.
  GradientAt AtEnoughPrecision() {
    constexpr int64_t kMost = 1 << 15;
    for (precision_ = math::BitsForDigits(o_.digits) + 64;; precision_ *= 4) {
      try {
        return DifferentiateAt(f_, point_, precision_);
      } catch (const math::MathError& error) {
        if (error.fault() != math::Fault::kUndecided || precision_ * 4 > kMost) throw;
      }
    }
  }

  Substituted Exactly(const Graph& graph, const std::vector<NodeId>& roots) const {
    return Substitute(graph, roots, point_);
  }

  std::string Decimal(const Real& value) const {
    if (value.is_exact()) return math::Digits(value.exact(), o_.digits);
    if (auto text = math::TryDigits(value.ToBall(precision_), o_.digits)) return *text;
    return fmt::format("{:.15g}", value.ToDouble());
  }

  // A fraction, or the formula with its numbers, beside the decimals.
  void AddValue(const Real& value) {
    const Substituted s = Exactly(f_.graph, {f_.root});
    const std::string exact = value.is_exact() ? value.exact().ToString() : ToText(s.graph, s.roots[0]);
    answer_.Set("value", exact).Set("value_decimal", Decimal(value));
    const bool whole = value.is_exact() && value.exact().is_integer();
    answer_.Line("f there", whole                          ? exact
                            : exact.size() < kLongFraction ? exact + " = " + Decimal(value)
                                                           : Decimal(value));
  }

  void AddGradient(const GradientAt& g) {
    std::optional<Substituted> s;
    if (g.smooth) s = Exactly(f_.graph, partials_);
    Json exact = Json::array(), decimal = Json::array();
    std::string texts, decimals;
    exact_gradient_.resize(count());
    for (size_t k = 0; k < count(); ++k) {
      const size_t i = f_.order[k];
      const Real& value = g.gradient[i];
      exact_gradient_[i] = value.is_exact() ? value.exact().ToString()
                           : s              ? ToText(s->graph, s->roots[i])
                                            : Decimal(value);
      exact.push_back(exact_gradient_[i]);
      decimal.push_back(Decimal(value));
      texts += (k > 0 ? ", " : "") + exact_gradient_[i];
      decimals += (k > 0 ? ", " : "") + Decimal(value);
    }
    answer_.Set("gradient", exact).Set("gradient_decimal", decimal);
    if (texts.size() < 600) answer_.Line("gradient", "(" + texts + ")");
    answer_.Line("in decimals", decimals.size() < 2000 ? "(" + decimals + ")" : "--json has them");
    const Real length = Length(g.gradient);
    answer_.Set("length", length.is_exact() ? length.exact().ToString() : Decimal(length))
        .Set("length_decimal", Decimal(length));
    answer_.Line("steepest slope", length.is_exact() ? length.exact().ToString() : Decimal(length));
    if (count() == 2 && Sign(length) > 0) {
      const double angle = std::atan2(g.gradient[f_.order[1]].ToDouble(), g.gradient[f_.order[0]].ToDouble());
      answer_.Line("its direction", fmt::format("{:.10g}° from the axis of {}", angle * 57.29577951308232, name(0)))
          .Set("angle_degrees", angle * 57.29577951308232);
    }
  }

  Real Length(const std::vector<Real>& v) const {
    const RealAlgebra algebra(precision_);
    Real square = 0;
    for (const Real& value : v) square = algebra.Apply(Op::kAdd, square, algebra.Apply(Op::kMultiply, value, value));
    if (!square.is_exact() && square.ToBall(precision_).contains_zero()) return square;  // zero as far as it is known
    return algebra.Apply(Op::kSqrt, square);
  }

  // "11/3*sqrt(3)" for 11/sqrt(3)
  std::string UnitText(const Real& dot, const Rational& square, const Real& unit) const {
    if (unit.is_exact()) return unit.exact().ToString();
    if (!dot.is_exact() || !square.is_integer()) return "";
    Integer core = square.numerator(), root(1);
    for (int64_t p = 2; p < 1000; ++p)
      while (fmpz_divisible_si(core.raw(), p * p) != 0) {
        fmpz_divexact_si(core.raw(), core.raw(), p * p);
        root = root * math::Integer(p);
      }
    const Rational factor = dot.exact() / (Rational(root) * Rational(core));
    return fmt::format("{}*sqrt({})", factor.ToString(), core.ToString());
  }

  void AddDirections(const GradientAt& g) {
    const RealAlgebra algebra(precision_);
    Json list = Json::array();
    for (size_t d = 0; d < directions_.size(); ++d) {
      const std::vector<Rational>& v = directions_[d];
      Rational square = 0;
      for (const Rational& value : v) square = square + value * value;
      const Real length = algebra.Apply(Op::kSqrt, square);
      if (g.differentiable) {
        Real dot = 0;
        for (size_t i = 0; i < v.size(); ++i)
          dot = algebra.Apply(Op::kAdd, dot, algebra.Apply(Op::kMultiply, g.gradient[i], v[i]));
        const Real unit = algebra.Apply(Op::kDivide, dot, length);
        const std::string text = UnitText(dot, square, unit);
        answer_.Line("along " + o_.along[d],
                     fmt::format("{}{} along the unit vector, {} unnormalised", text,
                                 text == Decimal(unit) || (unit.is_exact() && unit.exact().is_integer())
                                     ? ""
                                     : (text.empty() ? "" : " = ") + Decimal(unit),
                                 dot.is_exact() ? dot.exact().ToString() : Decimal(dot)));
        Json line = {
            {"direction", o_.along[d]}, {"unit_decimal", Decimal(unit)}, {"unnormalised_decimal", Decimal(dot)}};
        if (!text.empty()) line["unit"] = text;
        if (dot.is_exact()) line["unnormalised"] = dot.exact().ToString();
        list.push_back(line);
        continue;
      }
      std::vector<Real> unit(v.size());
      for (size_t i = 0; i < v.size(); ++i) unit[i] = algebra.Apply(Op::kDivide, v[i], length);
      const OneSided side = OneSidedDerivative(f_.graph, f_.root, point_, unit, precision_);
      const std::string text = side.kind == OneSided::Kind::kValue
                                   ? (side.value.is_exact() ? side.value.exact().ToString() : Decimal(side.value))
                               : side.kind == OneSided::Kind::kPlusInfinity  ? "+inf"
                               : side.kind == OneSided::Kind::kMinusInfinity ? "-inf"
                                                                             : "";
      answer_.Line("along " + o_.along[d],
                   text.empty() ? "f has no value on that way" : text + " (one-sided, along the unit vector)");
      list.push_back({{"direction", o_.along[d]}, {"one_sided", text.empty() ? Json() : Json(text)}});
    }
    if (!list.empty()) answer_.Set("directional", list);
  }

  void AddPicture(const GradientAt& g) {
    std::vector<double> gradient;
    for (const Real& value : g.gradient) gradient.push_back(value.ToDouble());
    std::vector<std::vector<double>> directions;
    for (const auto& v : directions_) {
      directions.emplace_back();
      for (const Rational& value : v) directions.back().push_back(value.ToDouble());
    }
    if (!g.differentiable) directions.clear();
    answer_.Picture([f = f_, point = point_, gradient, directions] {
      return f.order.size() == 1 || f.order.size() == 2 ? GradientFigure(f, point, gradient, directions)
                                                        : SectionsFigure(f, point, gradient, directions);
    });
  }

  using Integer = math::Integer;
};

}  // namespace

void AddGradient(CLI::App& math, const Globals&) {
  CLI::App* command =
      math.add_subcommand("gradient", "Partial and directional derivatives of a formula, and where there are none");
  command->footer(
      "tessera math gradient \"x^2+y^2\" --at 1,2 --along 3,4\n  tessera math gradient \"abs(x)*x\" --at x=0\nA "
      "formula that begins with a minus goes in brackets: \"(-x^2)\".");
  const auto o = std::make_shared<Options>();
  CLI::Option* formula = AddText(*command, "FORMULA", o->formula, "For example \"sin(x*y)+exp(x/y)\"", "TEXT");
  AddText(*command, "--file", o->file, "Read the formula from this file; shells take no more than 128 kB", "FILE")
      ->excludes(formula);
  AddText(*command, "--at", o->at, "The place: 1,2 in the order of the names, or x=1,y=2", "PLACE");
  command->add_option("--along", o->along, "A direction, of any length; may be given again")
      ->type_name("V")
      ->allow_extra_args(false);
  command->add_option("--digits", o->digits, "Decimal digits")->check(CLI::Range(1, 10'000))->capture_default_str();
  command->add_flag("--latex", o->latex, "Write the partial derivatives as LaTeX");
  AnswerWith(*command, o, [](const Options& options) { return Question(options).Ask(); });
}

}  // namespace tessera::cli
