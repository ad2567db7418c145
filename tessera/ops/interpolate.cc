#include "tessera/ops/interpolate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "tessera/kernels/row_mixture.h"
#include "tessera/ops/checks.h"
#include "tessera/ops/differentiable.h"
#include "tessera/ops/view.h"

namespace tessera::ops {
namespace {

double CubicConvolution(double t) {
  constexpr double a = -0.75;
  t = std::abs(t);
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  if (t < 2) return (((t - 5) * t + 8) * t - 4) * a;
  return 0;
}

struct Taps {
  std::array<int64_t, 4> from;
  std::array<double, 4> weights;
};

// Centres are rounded to f32, as torch does.
std::vector<Taps> TapsOf(int64_t in, int64_t out) {
  std::vector<Taps> all;
  const float scale = static_cast<float>(in) / static_cast<float>(out);
  for (int64_t i = 0; i < out; ++i) {
    const float centre = scale * (static_cast<float>(i) + 0.5f) - 0.5f, below = std::floor(centre);
    Taps& taps = all.emplace_back();
    for (size_t k = 0; k < 4; ++k) {
      const auto u = static_cast<int64_t>(below) - 1 + static_cast<int64_t>(k);
      taps.from[k] = std::clamp<int64_t>(u, 0, in - 1);
      taps.weights[k] = CubicConvolution(static_cast<double>(u) - static_cast<double>(centre));
    }
  }
  return all;
}

kernels::RowMixture MixtureOf(int64_t H, int64_t W, int64_t height, int64_t width) {
  const std::vector<Taps> rows = TapsOf(H, height), columns = TapsOf(W, width);
  kernels::RowMixture mixture;
  for (const Taps& row : rows) {
    for (const Taps& column : columns) {
      for (size_t u = 0; u < 4; ++u) {
        for (size_t v = 0; v < 4; ++v) {
          mixture.rows.push_back(row.from[u] * W + column.from[v]);
          mixture.weights.push_back(row.weights[u] * column.weights[v]);
        }
      }
      mixture.begin.push_back(static_cast<int64_t>(mixture.rows.size()));
    }
  }
  return mixture;
}

}  // namespace

// y = S x with a sparse S, sixteen numbers a row;  dx = Sᵀ dy;  ẏ = S ẋ
Tensor InterpolateGrid(const Tensor& table, int64_t height, int64_t width) {
  RequireFloat("interpolate", table);
  Require(table.rank() == 3 && table.dim(0) > 0 && table.dim(1) > 0, "interpolate: the table {} must be [H, W, C]",
          table.shape());
  Require(height > 0 && width > 0, "interpolate: to a grid of {} x {}", height, width);
  const int64_t H = table.dim(0), W = table.dim(1), C = table.dim(2);
  if (height == H && width == W) return Reshape(table, {H * W, C});
  const auto mixture = std::make_shared<const kernels::RowMixture>(MixtureOf(H, W, height, width));
  return Differentiable(
      kernels::MixRows(Detach(table).Reshape({H * W, C}), *mixture), {table},
      [=](const Tensor& dy) {
        return std::vector{kernels::MixRows(dy, kernels::Transposed(*mixture, H * W)).Reshape({H, W, C})};
      },
      [=](std::span<const Tensor> dx) {
        return kernels::MixRows(dx[0].Reshape({H * W, C}), *mixture);
      });
}

}  // namespace tessera::ops
