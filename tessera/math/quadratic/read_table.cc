#include <charconv>
#include <cmath>
#include <functional>
#include <type_traits>

#include "tessera/math/errors.h"
#include "tessera/math/quadratic/read.h"

namespace tessera::math::quadratic {
namespace {

constexpr int64_t kMaxExactValues = 16'000'000, kMaxDoubleValues = 400'000'000;

[[noreturn]] void Wrong(const char* code, std::string_view where, int64_t line, std::string_view what) {
  FailInput(code, "{}: line {}: {}", where, line, what);
}

bool IsSeparator(char c) { return c == ',' || c == ';' || c == '\t' || c == ' ' || c == '\r'; }

// The words of a line. Two commas with nothing between them are a missing number.
std::vector<std::string_view> Words(std::string_view line, std::string_view where, int64_t number) {
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

bool IsNotFinite(std::string_view word) {
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

class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}
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

template <typename Result>
void Reserve(Result& table, int64_t rows, int64_t columns, std::string_view where) {
  using Value = typename decltype(table.values)::value_type;
  const int64_t most = std::is_same_v<Value, double> ? kMaxDoubleValues : kMaxExactValues;
  if (rows < 1 || columns < 1) FailInput("dimension", "{}: a matrix of {} × {} has no values", where, rows, columns);
  if (rows > most / columns) FailInput("too-large", "{}: {} × {} is more than {} values", where, rows, columns, most);
  table.rows = rows;
  table.columns = columns;
  table.values.resize(static_cast<size_t>(rows * columns));
}

template <typename Result>
Result ReadMatrixMarket(std::string_view text, std::string_view where) {
  using Value = typename decltype(Result::values)::value_type;
  Lines lines(text);
  std::string_view line;
  lines.Next(line);
  const auto header = Words(line, where, 1);
  const auto is = [&](size_t i, std::string_view word) { return header.size() > i && header[i] == word; };
  const bool coordinate = is(2, "coordinate"), symmetric = is(4, "symmetric"), pattern = is(3, "pattern");
  if (header.size() != 5 || !is(1, "matrix") || !(coordinate || is(2, "array")) ||
      !(pattern || is(3, "real") || is(3, "integer")) || !(symmetric || is(4, "general")))
    Wrong("syntax", where, 1,
          "the header must be \"%%MatrixMarket matrix coordinate|array real|integer|pattern general|symmetric\"");
  std::vector<std::string_view> words;
  const auto next = [&] {
    while (lines.Next(line)) {
      if (line.starts_with('%')) continue;
      words = Words(line, where, lines.number);
      if (!words.empty()) return true;
    }
    return false;
  };
  const auto index = [&](size_t i, int64_t most) {
    int64_t value = 0;
    const bool whole =
        i < words.size() && std::from_chars(words[i].data(), words[i].data() + words[i].size(), value).ptr ==
                                words[i].data() + words[i].size();
    if (!whole || value < 0 || value > most)
      Wrong("syntax", where, lines.number, "an index or a size is missing or out of range");
    return value;
  };
  if (!next()) Wrong("syntax", where, lines.number, "the line with the sizes is missing");
  Result table;
  const int64_t rows = index(0, 1 << 30), columns = index(1, 1 << 30),
                entries = coordinate ? index(2, int64_t{1} << 40) : 0;
  Reserve(table, rows, columns, where);
  if (symmetric && rows != columns) Wrong("dimension", where, lines.number, "a symmetric matrix must be square");
  const auto put = [&](int64_t i, int64_t j, const Value& value) {
    table.values[static_cast<size_t>(i * columns + j)] = value;
    if (symmetric) table.values[static_cast<size_t>(j * columns + i)] = value;
  };
  if (!coordinate) {  // column by column; of a symmetric one the lower triangle
    for (int64_t j = 0; j < columns; ++j)
      for (int64_t i = symmetric ? j : 0; i < rows; ++i) {
        if (!next()) Wrong("syntax", where, lines.number, "the file ends before its last value");
        put(i, j, Read<Value>(words[0], where, lines.number));
      }
    return table;
  }
  for (int64_t k = 0; k < entries; ++k) {
    if (!next()) Wrong("syntax", where, lines.number, fmt::format("the file ends after {} of {} entries", k, entries));
    const int64_t i = index(0, rows), j = index(1, columns);
    if (i < 1 || j < 1) Wrong("syntax", where, lines.number, "indices begin at 1");
    if (!pattern && words.size() < 3) Wrong("syntax", where, lines.number, "an entry has no value");
    put(i - 1, j - 1, pattern ? Value(1) : Read<Value>(words[2], where, lines.number));
  }
  return table;
}

template <typename Result>
Result ReadValues(std::string_view text, std::string_view where) {
  using Value = typename decltype(Result::values)::value_type;
  if (text.starts_with("%%MatrixMarket")) return ReadMatrixMarket<Result>(text, where);
  Result table;
  Lines lines(text);
  std::string_view line;
  while (lines.Next(line)) {
    if (line.starts_with('#')) continue;
    const auto words = Words(line, where, lines.number);
    if (words.empty()) continue;
    if (table.rows == 0) table.columns = static_cast<int64_t>(words.size());
    if (static_cast<int64_t>(words.size()) != table.columns)
      Wrong("dimension", where, lines.number,
            fmt::format("{} values, but the rows before have {}", words.size(), table.columns));
    for (const std::string_view word : words) table.values.push_back(Read<Value>(word, where, lines.number));
    ++table.rows;
    if (static_cast<int64_t>(table.values.size()) >
        (std::is_same_v<Value, double> ? kMaxDoubleValues : kMaxExactValues))
      Wrong("too-large", where, lines.number, "too many values");
  }
  if (table.rows == 0) FailInput("dimension", "{}: there are no values", where);
  return table;
}

}  // namespace

Table ReadTable(std::string_view text, std::string_view where) { return ReadValues<Table>(text, where); }
DoubleTable ReadDoubleTable(std::string_view text, std::string_view where) {
  return ReadValues<DoubleTable>(text, where);
}

}  // namespace tessera::math::quadratic
