// `tessera math float`: what a number becomes in the formats of the engine.

#include "tessera/cli/math/commands.h"
#include "tessera/cli/math/options.h"
#include "tessera/math/errors.h"
#include "tessera/math/number/float_picture.h"

namespace tessera::cli {
namespace {

using math::FloatFormat;
using math::FloatNumber;

struct Options {
  AnswerFlags flags;
  std::string number, format = "fp32";
  bool table = false;
};

std::string Short(const math::Rational& value) { return math::Digits(value, 8); }

Answer AskTable() {
  std::vector<std::vector<std::string>> rows = {
      {"format", "bits", "exponent", "fraction", "largest", "least normal", "least", "spacing at 1"}};
  Json list = Json::array();
  for (const FloatFormat& f : math::FloatFormats()) {
    const std::string spacing = Short(math::Power(math::Rational(2), -f.fraction_bits));
    rows.push_back({std::string(f.name), fmt::format("{}", f.bits()), fmt::format("{}", f.exponent_bits),
                    fmt::format("{}", f.fraction_bits), Short(LargestOf(f)), Short(SmallestNormalOf(f)),
                    Short(SmallestOf(f)), spacing});
    list.push_back({{"format", f.name},
                    {"bits", f.bits()},
                    {"largest", Short(LargestOf(f))},
                    {"smallest_normal", Short(SmallestNormalOf(f))},
                    {"smallest", Short(SmallestOf(f))},
                    {"spacing_at_1", spacing}});
  }
  return Answer().Set("formats", list).Table(rows).Picture(math::SpacingFigure);
}

Answer Ask(const Options& o) {
  if (o.table) return AskTable();
  const math::Rational value = math::ParseRational(o.number, "number");
  const FloatFormat& f = math::FindFloatFormat(o.format);
  const FloatNumber x = math::RoundToFormat(value, f);
  Answer answer;
  answer.Set("number", value.ToFraction()).Add("format", "format", std::string(f.name));
  answer.Add("bits", "sign exponent fraction", BitText(x, f));
  answer.Picture([=] { return math::FloatFigure(value, x, f); });
  if (x.infinite)
    return answer.Add("value", "value", x.negative ? "-inf" : "inf")
        .Note("It is beyond the largest number, " + Short(LargestOf(f)) + ".");
  AddExact(answer, "value", "value", x.value, 20);
  AddExact(answer, "error", "value - number", x.value - value, 10);
  if (!value.is_zero()) answer.Add("relative_error", "relative error", Short((x.value - value) / value));
  for (const int direction : {-1, +1})
    if (const auto next = math::Neighbour(x, f, direction))
      AddExact(answer, direction < 0 ? "below" : "above", direction < 0 ? "next below" : "next above", next->value, 20);
  return answer;
}

}  // namespace

void AddFloat(CLI::App& math, const Globals&) {
  CLI::App* command = math.add_subcommand("float", "What a number becomes in FP64, FP32, FP16, BF16 and FP8");
  command->footer("tessera math float 0.1 --as fp16\n  tessera math float --table");
  const auto o = std::make_shared<Options>();
  AddText(*command, "NUMBER", o->number, "0.1, 1/3, -2.5e-8", "X");
  command->add_option("--as", o->format, "fp64, fp32, fp16, bf16, fp8_e4m3 or fp8_e5m2")
      ->type_name("FORMAT")
      ->capture_default_str();
  command->add_flag("--table", o->table, "Ranges and spacing of all formats");
  AnswerWith(*command, o, Ask);
}

}  // namespace tessera::cli
