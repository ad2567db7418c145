#pragma once
// Reads what a person types at a terminal: editing keys, history that is kept between runs, and messages of several
// lines. A message goes on after a line that ends in a backslash, between two lines of """, and while pasted text is
// still arriving; but a first line that begins with a slash, a command, is a message of its own.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace tessera::cli {

class LineEditor {
 public:
  // `history` is the file that keeps earlier messages; it is made when the first one is added.
  explicit LineEditor(std::filesystem::path history);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  enum class Outcome { kMessage, kInterrupted, kEnd };  // Return; Ctrl-C; Ctrl-D on an empty line
  struct Result {
    Outcome outcome;
    std::string message;
  };
  // Shows `prompt` and reads one message. Ctrl-C drops what was typed.
  Result Read(const std::string& prompt);

 private:
  struct State;
  std::unique_ptr<State> state_;

  std::optional<std::string> ReadLine(const std::string& prompt);
  void Remember(const std::string& message);
};

}  // namespace tessera::cli
