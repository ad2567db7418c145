#include "tessera/cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "tessera/cli/terminal.h"

namespace tessera::cli {
namespace {

constexpr std::string_view kEraseLine = "\r\x1b[2K";

void Put(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

std::string Amount(int64_t done, int64_t total, ProgressBar::Unit unit) {
  if (unit == ProgressBar::Unit::kItems)
    return total > 0 ? fmt::format("{} / {}", done, total) : fmt::format("{}", done);
  return total > 0 ? fmt::format("{} / {}", HumanBytes(done), HumanBytes(total)) : HumanBytes(done);
}

}  // namespace

std::string HumanBytes(int64_t bytes) {
  constexpr std::string_view kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 999.95 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

bool CanDrawProgress(const Globals& globals) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool refused = globals.quiet || (no_color != nullptr && *no_color != '\0') ||
                       (terminal != nullptr && std::string_view(terminal) == "dumb");
  return !refused && isatty(STDERR_FILENO) == 1;
}

std::string ProgressLine(std::string_view label, int64_t done, int64_t total, ProgressBar::Unit unit, int width) {
  const double part = total > 0 ? std::clamp(static_cast<double>(done) / static_cast<double>(total), 0.0, 1.0) : 0.0;
  const std::string head = fmt::format("{:<10} ", label), amount = Amount(done, total, unit);
  if (total <= 0) return (head + amount).substr(0, static_cast<size_t>(std::max(width, 0)));
  const std::string tail = fmt::format(" {:3.0f} %  {}", part * 100, amount);
  const int room = std::min(40, width - static_cast<int>(head.size() + tail.size()) - 2);
  if (room < 5) return (head + tail).substr(0, static_cast<size_t>(std::max(width, 0)));
  const int filled = static_cast<int>(part * room);
  return fmt::format("{}[{}{}]{}", head, std::string(static_cast<size_t>(filled), '#'),
                     std::string(static_cast<size_t>(room - filled), '-'), tail);
}

ProgressBar::ProgressBar(const Globals& globals, Unit unit) : enabled_(CanDrawProgress(globals)), unit_(unit) {}

ProgressBar::~ProgressBar() { Erase(); }

void ProgressBar::Erase() {
  if (drawn_) Put(kEraseLine);
  drawn_ = false;
}

void ProgressBar::Update(std::string_view label, int64_t done, int64_t total) {
  if (!enabled_) return;
  const auto now = std::chrono::steady_clock::now();
  if (label == label_ && now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  label_ = label;
  drawn_ = true;
  Put(std::string(kEraseLine) + ProgressLine(label, done, total, unit_, TerminalWidth() - 1));
}

}  // namespace tessera::cli
