#pragma once
// Quadratics from what people have: a formula, comma-separated values, a Matrix Market file.

#include <string>
#include <string_view>
#include <vector>

#include "tessera/math/quadratic/quadratic.h"
#include "tessera/math/quadratic/sparse.h"

namespace tessera::math::quadratic {

struct NamedProblem {
  ExactProblem problem;
  std::vector<std::string> variables;  // empty: x1, x2, …
};

// "2*x^2 + 2*x*y + 3*y^2 + x - 2*y": a polynomial of degree two after everything is multiplied out. Every number is
// taken exactly. Throws MathError as ParseExpression does, "not-quadratic" for another degree or function,
// "zero-matrix".
NamedProblem ReadExpression(std::string_view text);

// A matrix, exactly; of A row by row. CSV: numbers as ParseRational reads them, separated by commas, semicolons, tabs
// or spaces; a line a row; lines that begin with # are comments. Matrix Market: "%%MatrixMarket matrix coordinate|array
// real|integer|pattern general|symmetric". Throws MathError "syntax" with the line, "dimension" for rows of different
// length, "not-finite" for nan and inf, "too-large" beyond 4,000 × 4,000 values.
struct Table {
  int64_t rows = 0, columns = 0;
  std::vector<Rational> values;
};
Table ReadTable(std::string_view text, std::string_view where);

// The same rounded to doubles, quickly and for larger ones; `inexact` tells whether anything was rounded.
struct DoubleTable {
  int64_t rows = 0, columns = 0;
  std::vector<double> values;
};
DoubleTable ReadDoubleTable(std::string_view text, std::string_view where);

inline constexpr int64_t kMaxSparseRows = 20'000'000, kMaxSparseEntries = 500'000'000;

// Whether the text is a Matrix Market file of single entries, and how many rows it says it has.
bool IsSparseTable(std::string_view text);
int64_t SparseRows(std::string_view text, std::string_view where);
// Its square matrix without ever storing the zeros. Throws MathError as ReadTable does, and "syntax" for a place given
// twice.
SparseMatrix ReadSparse(std::string_view text, std::string_view where);
// Its values exactly, in the same order; more of them where a double would have become 0.
std::vector<Rational> ReadSparseValues(std::string_view text, std::string_view where);

}  // namespace tessera::math::quadratic
