#pragma once
// An answer of `tessera math`, for people and for programs at once: what is added is a line of text and a key of JSON.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/math/plot/figure.h"

namespace CLI {
class App;
}

namespace tessera::cli {

inline constexpr int kExitNoAnswer = 3, kExitUndecided = 4;

// How an answer is shown: --json, --svg FILE.
struct AnswerFlags {
  bool json = false;
  std::string svg;
};
void AddAnswerFlags(CLI::App& command, AnswerFlags& flags);

// Whether a picture will be seen: written to a file or drawn in the terminal.
bool WantsPicture(const AnswerFlags& flags);

class Answer {
 public:
  // "label   text"; a long text goes on to lines of its own.
  Answer& Line(std::string_view label, std::string_view text);
  // The same with a key of the JSON object; a number goes in as it is given, an exact one as a string.
  Answer& Add(std::string_view key, std::string_view label, const Json& value);
  Answer& Set(std::string_view key, Json value);  // JSON only
  Answer& Note(std::string_view text);            // a paragraph, text only
  // Rows of a table, the first of them its head; text only.
  Answer& Table(const std::vector<std::vector<std::string>>& rows);
  // A picture that is computed only if somebody will see it.
  using Draw = std::function<math::plot::Figure()>;
  Answer& Picture(Draw draw);
  Answer& Exit(int code);  // what the program ends with; 0 unless it is said

  // Writes it to standard output, and the picture to its file. In a terminal the picture is drawn as well.
  void Show(const AnswerFlags& flags) const;
  const Json& json() const { return json_; }
  int exit_code() const { return exit_code_; }
  std::string Text() const;

 private:
  struct Row {
    std::string label, text;
  };
  std::vector<Row> rows_;  // no label: a paragraph or a table
  Json json_ = Json::object();
  Draw draw_;
  int exit_code_ = 0;
};

// Runs `body` and shows what it returns. A MathError is written to standard error, or as JSON to standard output, and
// becomes the command's exit code: 2 bad input, 3 no answer exists, 4 undecided.
void Respond(const AnswerFlags& flags, const std::function<Answer()>& body);

}  // namespace tessera::cli
