#pragma once
// One line on standard error that shows how far a long task has come:
//
//   download  [##########--------------]  42 %   39.0 / 92.9 MB
//
// It is drawn only where standard error is a terminal that can redraw a line; never with --quiet or NO_COLOR. It
// redraws at most ten times a second, and erases itself at the end, so that it never mixes with results.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "tessera/cli/globals.h"

namespace tessera::cli {

// True where standard error is a terminal that progress may be drawn on.
bool CanDrawProgress(const Globals& globals);

class ProgressBar {
 public:
  enum class Unit { kBytes, kItems };

  explicit ProgressBar(const Globals& globals, Unit unit = Unit::kBytes);
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar();  // erases the line

  // `done` of `total`, of the step that `label` names in a word or two. A total of 0 is unknown.
  void Update(std::string_view label, int64_t done, int64_t total);
  // Erases the line, so that something else can be printed; the next Update draws it again.
  void Erase();

 private:
  bool enabled_;
  Unit unit_;
  bool drawn_ = false;
  std::string label_;
  std::chrono::steady_clock::time_point last_{};
};

// The line without its colour, at most `width` columns: what Update draws.
std::string ProgressLine(std::string_view label, int64_t done, int64_t total, ProgressBar::Unit unit, int width);

// 98362432 -> "98.4 MB", 1500 -> "1.5 kB".
std::string HumanBytes(int64_t bytes);

}  // namespace tessera::cli
