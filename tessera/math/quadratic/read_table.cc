#include <type_traits>

#include "tessera/math/quadratic/read.h"
#include "tessera/math/quadratic/table_text.h"

namespace tessera::math::quadratic {

using namespace table_text;  // of this file's own reading

namespace {

constexpr int64_t kMaxExactValues = 16'000'000, kMaxDoubleValues = 400'000'000;

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
  const MarketHeader header = ReadMarketHeader(line, where);
  MarketLines market(lines, where);
  const auto next = [&] { return market.Next(); };
  const auto index = [&](size_t i, int64_t most) { return market.Index(i, most); };
  const std::vector<std::string_view>& words = market.words;
  if (!next()) Wrong("syntax", where, lines.number, "the line with the sizes is missing");
  Result table;
  const int64_t rows = index(0, 1 << 30), columns = index(1, 1 << 30),
                entries = header.coordinate ? index(2, int64_t{1} << 40) : 0;
  Reserve(table, rows, columns, where);
  if (header.symmetric && rows != columns) Wrong("dimension", where, lines.number, "a symmetric matrix must be square");
  const auto put = [&](int64_t i, int64_t j, const Value& value) {
    table.values[static_cast<size_t>(i * columns + j)] = value;
    if (header.symmetric) table.values[static_cast<size_t>(j * columns + i)] = value;
  };
  if (!header.coordinate) {  // column by column; of a symmetric one the lower triangle
    for (int64_t j = 0; j < columns; ++j)
      for (int64_t i = header.symmetric ? j : 0; i < rows; ++i) {
        if (!next()) Wrong("syntax", where, lines.number, "the file ends before its last value");
        put(i, j, Read<Value>(words[0], where, lines.number));
      }
    return table;
  }
  ReadEntries<Value>(market, header, {rows, columns, entries}, put);
  return table;
}

template <typename Result>
Result ReadValues(std::string_view text, std::string_view where) {
  using Value = typename decltype(Result::values)::value_type;
  text = WithoutByteOrderMark(text);
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
