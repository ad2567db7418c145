#include <algorithm>

#include "tessera/math/quadratic/read.h"
#include "tessera/math/quadratic/table_text.h"

namespace tessera::math::quadratic {

using namespace table_text;

bool IsSparseTable(std::string_view text) {
  text = WithoutByteOrderMark(text);
  return text.starts_with("%%MatrixMarket") &&
         text.substr(0, text.find('\n')).find("coordinate") != std::string_view::npos;
}

int64_t SparseRows(std::string_view text, std::string_view where) {
  Lines lines(text);
  MarketLines market(lines, where);
  if (!market.Next()) Wrong("syntax", where, lines.number, "the line with the sizes is missing");
  return market.Index(0, kMaxSparseRows);
}

namespace {

bool IsZero(double value) { return value == 0; }
bool IsZero(const Rational& value) { return value.is_zero(); }

// The square matrix of a file: its places, and its values as they are asked for.
template <typename Value>
SparseMatrix ReadPlaces(std::string_view text, std::string_view where, std::vector<Value>& values) {
  Lines lines(text);
  std::string_view line;
  lines.Next(line);
  const MarketHeader header = ReadMarketHeader(line, where);
  MarketLines market(lines, where);
  if (!market.Next()) Wrong("syntax", where, lines.number, "the line with the sizes is missing");
  const int64_t n = market.Index(0, kMaxSparseRows), columns = market.Index(1, kMaxSparseRows);
  const int64_t entries = market.Index(2, kMaxSparseEntries);
  if (n != columns) FailInput("dimension", "{}: A is {} × {}; it must be square", where, n, columns);
  if (n < 1) FailInput("dimension", "{}: a matrix of 0 × 0 has no values", where);
  struct Entry {
    int32_t row, column;
    Value value;
  };
  std::vector<Entry> found;
  // An entry takes four bytes at least, so a size that lies reserves no more than the file is long.
  found.reserve(std::min(static_cast<size_t>(2 * entries), text.size() / 2));
  ReadEntries<Value>(market, header, {n, n, entries}, [&](int64_t i, int64_t j, const Value& value) {
    found.push_back({static_cast<int32_t>(i), static_cast<int32_t>(j), value});
    if (header.symmetric && i != j) found.push_back({static_cast<int32_t>(j), static_cast<int32_t>(i), value});
  });
  std::ranges::sort(
      found, [](const Entry& a, const Entry& b) { return a.row != b.row ? a.row < b.row : a.column < b.column; });
  SparseMatrix a{.n = n, .start = std::vector<int64_t>(static_cast<size_t>(n) + 1)};
  a.column.reserve(found.size());
  values.reserve(found.size());
  for (size_t e = 0; e < found.size(); ++e) {
    if (e > 0 && found[e].row == found[e - 1].row && found[e].column == found[e - 1].column)
      FailInput("syntax", "{}: row {}, column {} is given twice", where, found[e].row + 1, found[e].column + 1);
    if (IsZero(found[e].value)) continue;
    a.column.push_back(found[e].column);
    values.push_back(std::move(found[e].value));
    ++a.start[static_cast<size_t>(found[e].row) + 1];
  }
  for (size_t i = 0; i < static_cast<size_t>(n); ++i) a.start[i + 1] += a.start[i];
  return a;
}

}  // namespace

SparseMatrix ReadSparse(std::string_view text, std::string_view where) {
  std::vector<double> values;
  SparseMatrix a = ReadPlaces(text, where, values);
  a.value = std::move(values);
  return a;
}

std::vector<Rational> ReadSparseValues(std::string_view text, std::string_view where) {
  std::vector<Rational> values;
  ReadPlaces(text, where, values);
  return values;
}

}  // namespace tessera::math::quadratic
