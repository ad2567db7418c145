#pragma once
// The golden tables of the mathematics lab.

#include <gtest/gtest.h>

#include <string>

#include "tessera/core/json.h"
#include "tessera/core/mapped_file.h"
#include "tessera/math/number/digits.h"

namespace tessera::math {

inline Json Golden(const std::string& name) {
  const std::string path = TESSERA_TEST_DATA "/mathlab/" + name;
  return ParseJson(ReadFile(path, 1 << 20), path);
}

inline Rational Exact(const Json& text) {
  const auto fraction = text.get<std::string>();
  return ParseRational(fraction, "golden");
}

// `digits` of a number, of which the last may differ by two from `expected`'s: goldens are rounded or cut.
inline void ExpectDigits(const std::string& expected, const Ball& actual, int64_t digits) {
  const Rational want = ParseRational(expected, "golden");
  Ball difference(want, digits * 4 + 64);
  arb_sub(difference.raw(), difference.raw(), actual.raw(), digits * 4 + 64);
  Ball bound(Abs(want) * Power(Rational(10), 1 - digits) * Rational(2), 64);
  arb_abs(difference.raw(), difference.raw());
  EXPECT_TRUE(arb_le(difference.raw(), bound.raw())) << expected << " but " << actual.ToDouble();
}

}  // namespace tessera::math
