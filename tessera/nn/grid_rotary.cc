#include "tessera/nn/grid_rotary.h"

#include <cmath>

#include "tessera/core/thread_pool.h"

namespace tessera::nn {
namespace {

// Fills the tables with the angles angle(place, pair, frequencies).
template <typename Angle>
RotaryTables Tables(std::span<const GridPlace> places, int64_t head_dim, double theta, const Angle& angle) {
  Require(head_dim >= 4 && head_dim % 4 == 0, "rotary: a head of {} values has no quarters for rows and columns",
          head_dim);
  const std::vector<float> frequencies = InverseFrequencies({.rotary_dim = head_dim / 2, .theta = theta}, 0);
  const int64_t pairs = head_dim / 2;
  const Shape shape{std::ssize(places), pairs};
  RotaryTables tables{Tensor::Empty(shape), Tensor::Empty(shape)};
  float *cos = tables.cos.mutable_data<float>().data(), *sin = tables.sin.mutable_data<float>().data();
  ParallelForRange(std::ssize(places), 64, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      for (int64_t i = 0; i < pairs; ++i) {
        // The angle is rounded to f32, as in the code that checkpoints were trained with.
        const auto turn = static_cast<double>(angle(places[static_cast<size_t>(p)], i, frequencies));
        cos[p * pairs + i] = static_cast<float>(std::cos(turn));
        sin[p * pairs + i] = static_cast<float>(std::sin(turn));
      }
    }
  });
  return tables;
}

}  // namespace

RotaryTables GridRotary(std::span<const GridPlace> places, int64_t head_dim, double theta) {
  return Tables(places, head_dim, theta, [](const GridPlace& place, int64_t pair, std::span<const float> frequencies) {
    const int64_t quarter = std::ssize(frequencies);
    return static_cast<float>(pair < quarter ? place.row : place.column) *
           frequencies[static_cast<size_t>(pair % quarter)];
  });
}

RotaryTables InterleavedGridRotary(std::span<const GridPlace> places, int64_t head_dim, double theta) {
  return Tables(places, head_dim, theta, [](const GridPlace& place, int64_t pair, std::span<const float> frequencies) {
    return static_cast<float>(pair % 2 == 0 ? place.column : place.row) * frequencies[static_cast<size_t>(pair / 2)];
  });
}

}  // namespace tessera::nn
