#pragma once
// The roofline figure (Williams, Waterman, Patterson 2009): what a kernel reaches against what the machine allows for
// its operations a byte.

#include <string>
#include <vector>

namespace tessera::bench {

struct Roof {
  std::string name;  // "int8"
  double operations_per_second = 0;
};
struct RooflinePoint {
  std::string name;
  double operations_per_byte = 0, operations_per_second = 0;
};

// An SVG picture: both axes logarithmic, the slope of the bandwidth, one flat roof for each arithmetic, the points.
std::string DrawRoofline(double bytes_per_second, const std::vector<Roof>& roofs,
                         const std::vector<RooflinePoint>& points);

}  // namespace tessera::bench
