#pragma once
// Lines, words and numbers of a table's text; every error names the line.

#include <charconv>
#include <cmath>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "tessera/math/errors.h"
#include "tessera/math/number/rational.h"

namespace tessera::math::quadratic::table_text {

[[noreturn]] inline void Wrong(const char* code, std::string_view where, int64_t line, std::string_view what) {
  FailInput(code, "{}: line {}: {}", where, line, what);
}

inline bool IsSeparator(char c) { return c == ',' || c == ';' || c == '\t' || c == ' ' || c == '\r'; }

// The words of a line. Two commas with nothing between them are a missing number.
inline std::vector<std::string_view> Words(std::string_view line, std::string_view where, int64_t number) {
  std::vector<std::string_view> words;
  bool after_comma = true;
  for (size_t at = 0; at < line.size();) {
    if (IsSeparator(line[at])) {
      const bool comma = line[at] == ',' || line[at] == ';';
      if (comma && after_comma) Wrong("syntax", where, number, "a number is missing between separators");
      after_comma = after_comma || comma;
      if (comma) after_comma = true;
      ++at;
      continue;
    }
    const size_t from = at;
    while (at < line.size() && !IsSeparator(line[at])) ++at;
    words.push_back(line.substr(from, at - from));
    after_comma = false;
  }
  return words;
}

inline bool IsNotFinite(std::string_view word) {
  std::string lower;
  for (const char c : word) lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return lower.find("nan") != std::string::npos || lower.find("inf") != std::string::npos;
}

template <typename Value>
Value Read(std::string_view word, std::string_view where, int64_t line) {
  if (IsNotFinite(word))
    Wrong("not-finite", where, line, fmt::format("\"{}\" is not a finite number", word.substr(0, 40)));
  try {
    if constexpr (std::is_same_v<Value, double>) {
      double value = 0;
      const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
      if (error == std::errc() && end == word.data() + word.size() && std::isfinite(value)) return value;
      value = ParseRational(word, "value").ToDouble();  // 1/3, or +2
      if (!std::isfinite(value)) Wrong("not-finite", where, line, "a value does not fit a double");
      return value;
    } else {
      return ParseRational(word, "value");
    }
  } catch (const MathError& error) {
    Wrong(error.code().c_str(), where, line, error.what());
  }
}

// Some editors begin a file with one.
inline std::string_view WithoutByteOrderMark(std::string_view text) {
  return text.starts_with("\xEF\xBB\xBF") ? text.substr(3) : text;
}

class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(WithoutByteOrderMark(text)) {}
  bool Next(std::string_view& line) {
    if (rest_.empty()) return false;
    const size_t end = std::min(rest_.find('\n'), rest_.size());
    line = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    ++number;
    return true;
  }
  int64_t number = 0;

 private:
  std::string_view rest_;
};

// The header line of a Matrix Market file.
struct MarketHeader {
  bool coordinate = false, symmetric = false, pattern = false;
};
inline MarketHeader ReadMarketHeader(std::string_view line, std::string_view where) {
  const auto words = Words(line, where, 1);
  const auto is = [&](size_t i, std::string_view word) { return words.size() > i && words[i] == word; };
  const MarketHeader header = {is(2, "coordinate"), is(4, "symmetric"), is(3, "pattern")};
  if (words.size() != 5 || !is(1, "matrix") || !(header.coordinate || is(2, "array")) ||
      !(header.pattern || is(3, "real") || is(3, "integer")) || !(header.symmetric || is(4, "general")))
    Wrong("syntax", where, 1,
          "the header must be \"%%MatrixMarket matrix coordinate|array real|integer|pattern general|symmetric\"");
  return header;
}

// Lines of a Matrix Market file after its header, as words; comments and empty lines are left out.
class MarketLines {
 public:
  MarketLines(Lines& lines, std::string_view where) : lines_(lines), where_(where) {}
  bool Next() {
    std::string_view line;
    while (lines_.Next(line)) {
      if (line.starts_with('%')) continue;
      words = Words(line, where_, lines_.number);
      if (!words.empty()) return true;
    }
    return false;
  }
  // Word i as a whole number, 0 … most.
  int64_t Index(size_t i, int64_t most) const {
    int64_t value = 0;
    const bool whole =
        i < words.size() && std::from_chars(words[i].data(), words[i].data() + words[i].size(), value).ptr ==
                                words[i].data() + words[i].size();
    if (!whole || value < 0 || value > most) Fail("an index or a size is missing or out of range");
    return value;
  }
  template <typename Number>
  Number Value(size_t i) const {
    return Read<Number>(words[i], where_, lines_.number);
  }
  [[noreturn]] void Fail(std::string_view what) const { Wrong("syntax", where_, lines_.number, what); }
  std::vector<std::string_view> words;

 private:
  Lines& lines_;
  std::string_view where_;
};

struct MarketSizes {
  int64_t rows, columns, entries;
};
// Calls put(i, j, value), counted from 0, for each entry of the coordinate form, as the file lists them.
template <typename Value, typename Put>
void ReadEntries(MarketLines& market, const MarketHeader& header, const MarketSizes& sizes, const Put& put) {
  for (int64_t k = 0; k < sizes.entries; ++k) {
    if (!market.Next()) market.Fail(fmt::format("the file ends after {} of {} entries", k, sizes.entries));
    const int64_t i = market.Index(0, sizes.rows), j = market.Index(1, sizes.columns);
    if (i < 1 || j < 1) market.Fail("indices begin at 1");
    if (!header.pattern && market.words.size() < 3) market.Fail("an entry has no value");
    put(i - 1, j - 1, header.pattern ? Value(1) : market.template Value<Value>(2));
  }
}

}  // namespace tessera::math::quadratic::table_text
