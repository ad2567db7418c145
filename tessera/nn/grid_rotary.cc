#include "tessera/nn/grid_rotary.h"

#include <cmath>

#include "tessera/core/thread_pool.h"

namespace tessera::nn {

RotaryTables GridRotary(std::span<const GridPlace> places, int64_t head_dim, double theta) {
  Require(head_dim >= 4 && head_dim % 4 == 0, "rotary: a head of {} values has no quarters for rows and columns",
          head_dim);
  const std::vector<float> frequencies = InverseFrequencies({.rotary_dim = head_dim / 2, .theta = theta}, 0);
  const auto quarter = std::ssize(frequencies);
  const Shape shape{std::ssize(places), 2 * quarter};
  RotaryTables tables{Tensor::Empty(shape), Tensor::Empty(shape)};
  float *cos = tables.cos.mutable_data<float>().data(), *sin = tables.sin.mutable_data<float>().data();
  ParallelForRange(std::ssize(places), 64, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      const GridPlace& place = places[static_cast<size_t>(p)];
      for (int64_t i = 0; i < 2 * quarter; ++i) {
        const auto along = static_cast<float>(i < quarter ? place.row : place.column);
        const auto angle = static_cast<double>(along * frequencies[static_cast<size_t>(i % quarter)]);
        cos[p * 2 * quarter + i] = static_cast<float>(std::cos(angle));
        sin[p * 2 * quarter + i] = static_cast<float>(std::sin(angle));
      }
    }
  });
  return tables;
}

}  // namespace tessera::nn
