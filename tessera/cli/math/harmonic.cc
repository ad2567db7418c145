// `tessera math harmonic`.

#include "tessera/math/harmonic/harmonic.h"

#include "tessera/cli/math/commands.h"
#include "tessera/cli/math/options.h"
#include "tessera/core/atomic_file.h"
#include "tessera/math/errors.h"
#include "tessera/math/harmonic/picture.h"
#include "tessera/math/harmonic/proof.h"

namespace tessera::cli {
namespace {

namespace harmonic = math::harmonic;

constexpr int64_t kShownExact = 200;  // n up to which people see the fraction without asking

struct Options {
  AnswerFlags flags;
  std::string n, exceeds, proof;
  int64_t digits = 30;
  bool exact = false, table = false;
};

std::string DigitsOf(const harmonic::Count& n, int64_t digits) {
  if (n.IsSmall(0)) return "0";
  return math::CertifiedDigits([&](int64_t precision) { return harmonic::Enclose(n, precision); }, digits);
}

// "ln n + γ + 1/(2n) - 1/(12n^2) + …" with what each part gives
void AddExpansion(Answer& answer, const harmonic::Count& n) {
  const int64_t precision = 256;
  std::vector<std::vector<std::string>> rows = {{"terms", "value", "bound of the error"}};
  for (const int64_t terms : {0, 1, 2, 3}) {
    const harmonic::Expansion e = harmonic::Expand(n, terms, precision);
    const auto text = [](const math::Ball& ball, int64_t digits) {
      return math::TryDigits(ball, digits).value_or("beyond these digits");
    };
    rows.push_back(
        {terms == 0 ? "ln n + γ + 1/(2n)" : fmt::format("{} n^-{}", harmonic::Coefficient(terms).ToString(), 2 * terms),
         text(e.value, 25), text(e.next_term, 3)});
  }
  answer.Table(rows);
}

Answer AskExceeds(const Options& o) {
  const math::Rational x = math::ParseRational(o.exceeds, "--exceeds");
  const math::Integer n = harmonic::LeastAbove(x);
  Answer answer;
  answer.Set("exceeds", x.ToFraction()).Add("n", "least n with H_n > " + o.exceeds, n.ToString());
  if (n.sign() > 0)
    answer.Add("harmonic_decimal", "there H_n =",
               DigitsOf(n, std::min<int64_t>(o.digits + static_cast<int64_t>(static_cast<double>(n.bits()) * 0.30103),
                                             10'000)));
  return answer.Picture([=] { return harmonic::ThresholdFigure(x, n); });
}

Answer AskTable(const Options& o) {
  Answer answer;
  std::vector<std::vector<std::string>> rows = {{"n", "H_n", "H_n - ln n - γ"}};
  Json list = Json::array();
  for (const char* n : {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "20", "50", "100", "1000", "10^6", "10^9",
                        "10^12", "10^18", "10^100"}) {
    const harmonic::Count count = harmonic::ParseHarmonicCount(n);
    const auto rest = [&](int64_t precision) {
      const int64_t working = precision + 400;  // what cancels
      math::Ball h = harmonic::Enclose(count, working), gamma;
      const math::Ball log = count.Log(working);
      arb_const_euler(gamma.raw(), working);
      arb_sub(h.raw(), h.raw(), log.raw(), working);
      arb_sub(h.raw(), h.raw(), gamma.raw(), working);
      return h;
    };
    const std::string value = DigitsOf(count, o.digits);
    rows.push_back({n, value, math::CertifiedDigits(rest, 6)});
    list.push_back({{"n", n}, {"value", value}});
  }
  answer.Set("table", list).Table(rows);
  return answer.Picture(harmonic::ExpansionFigure);
}

Answer Ask(const Options& o) {
  if (!o.proof.empty()) {
    AtomicFile file(o.proof);
    file.Write(math::plot::RenderSvg(harmonic::ProofFigure(6)));
    file.Commit();
    if (o.n.empty() && o.exceeds.empty() && !o.table)
      return Answer()
          .Add("proof", "picture", o.proof)
          .Picture([] { return harmonic::ProofFigure(6); })
          .Note(
              "The staircase 1 + 1/2 + … + 1/n stands above the curve 1/x, whose area up to n is ln n.\nWhat sticks "
              "out slides into the unit square and fills γ = 0.5772… of it, but for about 1/(2n).");
  }
  if (!o.exceeds.empty()) return AskExceeds(o);
  if (o.table) return AskTable(o);
  const harmonic::Count n = harmonic::ParseHarmonicCount(o.n);
  Answer answer;
  answer.Set("n", o.n).Picture([] { return harmonic::ProofFigure(6); });
  const bool small = n.IsSmall(harmonic::kMaxExact);
  if (small && (o.exact || n.IsSmall(kShownExact))) {
    const math::Rational value = harmonic::Exact(n.ToInt64());
    answer.Add("exact", "H_n", value.ToFraction());
  } else if (o.exact) {
    harmonic::Exact(harmonic::kMaxExact + 1);  // says that it is too large
  }
  if (!o.exact || n.IsSmall(kShownExact)) answer.Add("decimal", "digits", DigitsOf(n, o.digits));
  if (!n.IsSmall(1) && !o.exact) AddExpansion(answer, n);
  return answer;
}

}  // namespace

void AddHarmonic(CLI::App& math, const Globals&) {
  CLI::App* command = math.add_subcommand("harmonic", "Harmonic numbers 1 + 1/2 + … + 1/n");
  command->footer(
      "tessera math harmonic 20\n  tessera math harmonic 10^100 --digits 1000\n  tessera math harmonic --exceeds 100\n "
      " tessera math harmonic --proof proof.svg");
  const auto o = std::make_shared<Options>();
  AddText(*command, "N", o->n, "A whole number: 1000, 1e6, 10^100, 10^(10^9)");
  command->add_option("--digits", o->digits, "Decimal digits, each certain")->capture_default_str();
  command->add_flag("--exact", o->exact, "The fraction, for n up to 10^7");
  AddText(*command, "--exceeds", o->exceeds, "The least n with H_n above X", "X");
  command->add_flag("--table", o->table, "H_n for many n");
  AddText(*command, "--proof", o->proof, "Write the picture proof to this SVG file", "FILE");
  AnswerWith(*command, o, Ask);
}

}  // namespace tessera::cli
