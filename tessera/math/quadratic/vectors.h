#pragma once
// Lengths and inner products that the dense and the sparse solver share.

#include <cmath>
#include <vector>

namespace tessera::math::quadratic {

inline double Norm(const std::vector<double>& x) {
  double sum = 0;
  for (const double value : x) sum += value * value;
  return std::sqrt(sum);
}

// Summed in extended precision.
inline double Dot(const std::vector<double>& x, const std::vector<double>& y) {
  long double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) sum += static_cast<long double>(x[i]) * y[i];
  return static_cast<double>(sum);
}

}  // namespace tessera::math::quadratic
