#include "tessera/text/jinja/strftime.h"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <cstdint>
#include <ctime>
#include <utility>

#include "tessera/core/error.h"

namespace tessera::text::jinja {
namespace {

constexpr std::array kDays = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
constexpr std::array kMonths = {"January", "February", "March",     "April",   "May",      "June",
                                "July",    "August",   "September", "October", "November", "December"};
constexpr size_t kMaxBytes = 65536;

int TwelveHour(int hour) { return hour % 12 == 0 ? 12 : hour % 12; }

// ISO 8601 week: the week with the year's first Thursday is week 1. The year may be the one before or after.
std::pair<int, int> IsoYearAndWeek(const std::tm& t) {
  const int year = t.tm_year + 1900;
  const int weekday = (t.tm_wday + 6) % 7;  // Monday is 0
  const int week = (t.tm_yday - weekday + 10) / 7;
  const auto weeks_in = [&](int y) {
    const auto p = [](int x) { return (x + x / 4 - x / 100 + x / 400) % 7; };
    return p(y) == 4 || p(y - 1) == 3 ? 53 : 52;
  };
  if (week < 1) return {year - 1, weeks_in(year - 1)};
  if (week > weeks_in(year)) return {year + 1, 1};
  return {year, week};
}

std::string Directive(char directive, const std::tm& t, int64_t microseconds);

std::string Composite(std::string_view parts, const std::tm& t, int64_t microseconds) {
  std::string text;
  for (const char c : parts)
    text += std::isalpha(static_cast<unsigned char>(c)) != 0 ? Directive(c, t, microseconds) : std::string(1, c);
  return text;
}

std::string DateDirective(char directive, const std::tm& t) {
  switch (directive) {
    case 'a':
      return std::string(kDays[static_cast<size_t>(t.tm_wday)]).substr(0, 3);
    case 'A':
      return kDays[static_cast<size_t>(t.tm_wday)];
    case 'b':
    case 'h':
      return std::string(kMonths[static_cast<size_t>(t.tm_mon)]).substr(0, 3);
    case 'B':
      return kMonths[static_cast<size_t>(t.tm_mon)];
    case 'C':
      return fmt::format("{:02}", (t.tm_year + 1900) / 100);
    case 'd':
      return fmt::format("{:02}", t.tm_mday);
    case 'e':
      return fmt::format("{:2}", t.tm_mday);
    case 'g':
      return fmt::format("{:02}", IsoYearAndWeek(t).first % 100);
    case 'G':
      return fmt::format("{}", IsoYearAndWeek(t).first);
    case 'j':
      return fmt::format("{:03}", t.tm_yday + 1);
    case 'm':
      return fmt::format("{:02}", t.tm_mon + 1);
    case 'u':
      return fmt::format("{}", t.tm_wday == 0 ? 7 : t.tm_wday);
    case 'U':
      return fmt::format("{:02}", (t.tm_yday + 7 - t.tm_wday) / 7);
    case 'V':
      return fmt::format("{:02}", IsoYearAndWeek(t).second);
    case 'w':
      return fmt::format("{}", t.tm_wday);
    case 'W':
      return fmt::format("{:02}", (t.tm_yday + 7 - (t.tm_wday + 6) % 7) / 7);
    case 'y':
      return fmt::format("{:02}", (t.tm_year + 1900) % 100);
    case 'Y':
      return fmt::format("{}", t.tm_year + 1900);
    default:
      return {'%', directive};
  }
}

std::string Directive(char directive, const std::tm& t, int64_t microseconds) {
  switch (directive) {
    case 'c':
      return Composite("a b e H:M:S Y", t, microseconds);
    case 'D':
    case 'x':
      return Composite("m/d/y", t, microseconds);
    case 'f':
      return fmt::format("{:06}", microseconds);
    case 'F':
      return Composite("Y-m-d", t, microseconds);
    case 'H':
      return fmt::format("{:02}", t.tm_hour);
    case 'I':
      return fmt::format("{:02}", TwelveHour(t.tm_hour));
    case 'k':
      return fmt::format("{:2}", t.tm_hour);
    case 'l':
      return fmt::format("{:2}", TwelveHour(t.tm_hour));
    case 'M':
      return fmt::format("{:02}", t.tm_min);
    case 'n':
      return "\n";
    case 'p':
      return t.tm_hour < 12 ? "AM" : "PM";
    case 'P':
      return t.tm_hour < 12 ? "am" : "pm";
    case 'r':
      return Composite("I:M:S p", t, microseconds);
    case 'R':
      return Composite("H:M", t, microseconds);
    case 's': {
      std::tm copy = t;
      return fmt::format("{}", static_cast<int64_t>(std::mktime(&copy)));
    }
    case 'S':
      return fmt::format("{:02}", t.tm_sec);
    case 't':
      return "\t";
    case 'T':
    case 'X':
      return Composite("H:M:S", t, microseconds);
    case 'z':
    case 'Z':
      return "";  // datetime.now() knows no zone
    case '%':
      return "%";
    default:
      return DateDirective(directive, t);
  }
}

// A number without the padding that "%-d" refuses.
std::string Unpadded(std::string text) {
  size_t zeros = 0;
  while (zeros + 1 < text.size() && (text[zeros] == '0' || text[zeros] == ' ')) ++zeros;
  return text.substr(zeros);
}

}  // namespace

std::string FormatTime(std::chrono::system_clock::time_point time, std::string_view format) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(time));
  std::tm parts{};
  Require(localtime_r(&seconds, &parts) != nullptr, "strftime_now: the clock is out of range");
  const auto micro =
      std::chrono::duration_cast<std::chrono::microseconds>(time - std::chrono::floor<std::chrono::seconds>(time));
  std::string text;
  for (size_t i = 0; i < format.size(); ++i) {
    Require(text.size() <= kMaxBytes, "strftime_now: the result is longer than {} bytes", kMaxBytes);
    if (format[i] != '%' || i + 1 == format.size()) {
      text += format[i];
    } else if (format[i + 1] == '-' && i + 2 < format.size()) {
      text += Unpadded(Directive(format[i + 2], parts, micro.count()));
      i += 2;
    } else {
      text += Directive(format[++i], parts, micro.count());
    }
  }
  return text;
}

}  // namespace tessera::text::jinja
