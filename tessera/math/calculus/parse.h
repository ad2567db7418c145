#pragma once
// Formulas as a person types them.
//
//   sum     = product { ("+" | "-") product }
//   product = unary { ("*" | "/") unary }
//   unary   = "-" unary | "+" unary | power
//   power   = atom [ "^" unary ]                 right associative, tighter than the minus: -x^2 is -(x^2)
//   atom    = number | name | name "(" sum { "," sum } ")" | "(" sum ")"
//
// A number has digits, one point and an exponent: 2, .5, 3.1e-4. A name is a letter and letters, digits or "_". pi and
// e are the constants; sin cos tan asin acos atan sinh cosh tanh exp ln sqrt abs take one argument, atan2 max min two.
// Nothing multiplies silently: "2x" and "x 2" are errors.

#include <string_view>

#include "tessera/math/calculus/graph.h"

namespace tessera::math::calculus {

inline constexpr size_t kMaxExpressionBytes = 16 << 20;
inline constexpr int kMaxNesting = 1000;  // of brackets, signs and powers

// The node of `text` in `graph`. Throws MathError with the column, counted in characters from 1, of what cannot be
// accepted: "syntax"; then "unknown-function", "arity", at the function's name; "too-large" beyond the limits.
NodeId ParseExpression(std::string_view text, Graph& graph);

}  // namespace tessera::math::calculus
