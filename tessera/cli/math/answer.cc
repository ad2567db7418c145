#include "tessera/cli/math/answer.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>

#include "tessera/cli/program.h"
#include "tessera/cli/terminal.h"
#include "tessera/core/atomic_file.h"
#include "tessera/math/errors.h"
#include "tessera/text/unicode.h"

namespace tessera::cli {
namespace {

constexpr int kPictureRows = 14;

int ExitCode(math::Fault fault) {
  switch (fault) {
    case math::Fault::kBadInput:
      return kExitUsage;
    case math::Fault::kNoAnswer:
      return kExitNoAnswer;
    default:
      return kExitUndecided;
  }
}

size_t CharacterCount(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

void AddAnswerFlags(CLI::App& command, AnswerFlags& flags) {
  command.add_flag("--json", flags.json, "As one JSON object; exact numbers are strings");
  command.add_option("--svg", flags.svg, "Write the picture to this file")->type_name("FILE");
}

bool WantsPicture(const AnswerFlags& flags) { return !flags.svg.empty() || (!flags.json && OutputIsTerminal()); }

Answer& Answer::Line(std::string_view label, std::string_view text) {
  rows_.push_back({std::string(label), std::string(text)});
  return *this;
}

Answer& Answer::Add(std::string_view key, std::string_view label, const Json& value) {
  Set(key, value);
  return Line(label, value.is_string() ? value.get<std::string>() : value.dump());
}

Answer& Answer::Set(std::string_view key, Json value) {
  json_[std::string(key)] = std::move(value);
  return *this;
}

Answer& Answer::Note(std::string_view text) {
  rows_.push_back({"", std::string(text)});
  return *this;
}

Answer& Answer::Table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], CharacterCount(row[c]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c)
      line += std::string(widths[c] - CharacterCount(row[c]), ' ') + row[c] + (c + 1 < row.size() ? "  " : "");
    text += line + "\n";
  }
  if (!text.empty()) text.pop_back();
  return Note(text);
}

Answer& Answer::Picture(Draw draw) {
  draw_ = std::move(draw);
  return *this;
}

Answer& Answer::Exit(int code) {
  exit_code_ = code;
  return *this;
}

std::string Answer::Text() const {
  size_t width = 0;
  for (const Row& row : rows_) width = std::max(width, CharacterCount(row.label));
  std::string text;
  for (const Row& row : rows_)
    text += row.label.empty() ? row.text + "\n"
                              : row.label + std::string(width - CharacterCount(row.label) + 2, ' ') + row.text + "\n";
  return text;
}

void Answer::Show(const AnswerFlags& flags) const {
  if (!flags.svg.empty()) {
    if (!draw_) math::FailInput("no-picture", "--svg: this answer has no picture");
    AtomicFile file(flags.svg);
    file.Write(math::plot::RenderSvg(draw_()));
    file.Commit();
  }
  if (flags.json) {
    WriteOutput(json_.dump() + "\n");
    return;
  }
  WriteOutput(Text());
  if (draw_ && OutputIsTerminal())
    WriteOutput("\n" + math::plot::RenderText(draw_(), std::min(TerminalWidth(), 100), kPictureRows));
}

void Respond(const AnswerFlags& flags, const std::function<Answer()>& body) {
  try {
    const Answer answer = body();
    answer.Show(flags);
    if (answer.exit_code() != 0) throw CLI::RuntimeError(answer.exit_code());
  } catch (const math::MathError& error) {
    const std::string message = Printable(text::RepairUtf8(error.what()));
    if (flags.json) {
      Json object = {{"error", error.code()}, {"message", message}};
      if (error.column()) object["column"] = *error.column();
      WriteOutput(object.dump() + "\n");
    } else {
      fmt::print(stderr, "tessera math: {}\n", message);
    }
    throw CLI::RuntimeError(ExitCode(error.fault()));
  }
}

}  // namespace tessera::cli
