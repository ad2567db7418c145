#pragma once
// Options that many questions share, and how their numbers read.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "tessera/cli/math/answer.h"
#include "tessera/math/number/digits.h"

namespace tessera::cli {

// A subcommand that answers: `ask(options)` gives the Answer; Options has a member `flags` of AnswerFlags.
template <typename Options, typename Ask>
void AnswerWith(CLI::App& command, const std::shared_ptr<Options>& options, Ask ask) {
  AddAnswerFlags(command, options->flags);
  command.callback([options, ask] { Respond(options->flags, [&] { return ask(*options); }); });
}

inline CLI::Option* AddText(CLI::App& command, const std::string& name, std::string& value, const std::string& about,
                            const std::string& type = "N") {
  return command.add_option(name, value, about)->type_name(type);
}

inline constexpr size_t kLongFraction = 400;  // characters beyond which people get digits only

// The exact number and its decimals: "22/5 = 4.4" on one line; an exact number that is very long only in JSON.
inline void AddExact(Answer& answer, std::string_view key, std::string_view label, const math::Rational& value,
                     int64_t digits) {
  const std::string exact = value.ToFraction(), decimals = math::Digits(value, digits);
  answer.Set(key, exact).Set(std::string(key) + "_decimal", decimals);
  if (value.is_integer()) {
    answer.Line(label, value.ToString());
  } else {
    answer.Line(label, exact.size() > kLongFraction ? decimals : exact + " = " + decimals);
  }
}

}  // namespace tessera::cli
