// Time and memory of attention against the number of tokens, beside the naive form that holds the N x N matrix.
//
//   attention_figure_bench CSV SVG       measures, writes the table, and draws it
//
// One head pair (2 heads of 64), causal, f32. The naive form is softmax(QKᵀ/√D + mask) V from the library's own
// products and softmax. Memory is how far the resident size rises above its start (Linux).
#include <fmt/core.h>
#include <malloc.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "tessera/ops/attention.h"
#include "tessera/ops/elementwise.h"
#include "tessera/ops/linear.h"
#include "tessera/ops/softmax.h"

namespace {

using namespace tessera;

constexpr int64_t kHeads = 2, kDim = 64, kMostNaive = 8192, kMost = 32768;

struct Point {
  double tokens, tiled_ms, tiled_mb, naive_ms, naive_mb;  // naive: 0 where it was not run
};

Tensor Normal(const Shape& shape) {
  static std::mt19937 generator(1);
  std::normal_distribution<float> normal;
  Tensor x = Tensor::Empty(shape);
  for (float& value : x.mutable_data<float>()) value = normal(generator);
  return x;
}

double StatusMegabytes(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name + ":")) return std::stod(line.substr(name.size() + 1)) / 1024;
  }
  return 0;
}

// {milliseconds (the best of three), megabytes}
std::pair<double, double> Measure(const std::function<void()>& body) {
  malloc_trim(0);  // else memory that an earlier measurement gave back would be used again unseen
  std::ofstream("/proc/self/clear_refs") << "5";
  const double before = StatusMegabytes("VmRSS");
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 3; ++i) {
    const auto start = std::chrono::steady_clock::now();
    body();
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
    best = std::min(best, time.count());
  }
  return {best, std::max(0.01, StatusMegabytes("VmHWM") - before)};
}

Tensor Naive(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask) {
  const Tensor s = ops::Scale(ops::MatMul(q, k.Transpose(1, 2).Contiguous()), 1 / std::sqrt(static_cast<float>(kDim)));
  return ops::MatMul(ops::Softmax(ops::Add(s, mask)), v);
}

Point MeasureAt(int64_t n) {
  const Tensor q = Normal({n, kHeads, kDim}), k = Normal({n, kHeads, kDim}), v = Normal({n, kHeads, kDim});
  const ops::AttentionPattern pattern{.sequences = {{n, n, {}, {}}}};
  Point point{static_cast<double>(n), 0, 0, 0, 0};
  std::tie(point.tiled_ms, point.tiled_mb) = Measure([&] { ops::Attend(q, k, v, pattern); });
  if (n > kMostNaive) return point;
  Tensor mask = Tensor::Zeros({n, n});
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = i + 1; j < n; ++j)
      mask.mutable_data<float>()[static_cast<size_t>(i * n + j)] = -std::numeric_limits<float>::infinity();
  }
  const auto heads_first = [](const Tensor& x) { return x.Transpose(0, 1).Contiguous(); };
  const Tensor q_heads = heads_first(q), k_heads = heads_first(k), v_heads = heads_first(v);
  std::tie(point.naive_ms, point.naive_mb) = Measure([&] { Naive(q_heads, k_heads, v_heads, mask); });
  return point;
}

// One panel of the picture, both axes logarithmic.
struct Panel {
  double left, low, high;  // x of its left edge; the decades 10^low … 10^high of its y axis
  std::string title;

  static constexpr double kWidth = 300, kHeight = 240, kTop = 50;
  double X(double tokens) const { return left + kWidth * std::log2(tokens / 256) / std::log2(kMost / 256.0); }
  double Y(double value) const { return kTop + kHeight * (high - std::log10(value)) / (high - low); }

  std::string Frame() const {
    std::string svg = fmt::format("<text x='{}' y='{}' font-weight='bold'>{}</text>\n", left, kTop - 18, title);
    for (double decade = low; decade <= high; ++decade) {
      const double y = kTop + kHeight * (high - decade) / (high - low);
      svg += fmt::format("<line x1='{0}' x2='{1}' y1='{2}' y2='{2}' stroke='#ddd'/>\n", left, left + kWidth, y);
      svg += fmt::format("<text x='{}' y='{}' text-anchor='end'>{:g}</text>\n", left - 6, y + 4, std::pow(10, decade));
    }
    for (double n = 256; n <= kMost; n *= 4) {
      svg += fmt::format("<text x='{}' y='{}' text-anchor='middle'>{:g}</text>\n", X(n), kTop + kHeight + 18, n);
    }
    return svg;
  }

  std::string Line(const std::vector<Point>& points, double Point::*value, const char* color, const char* name) const {
    std::string path, dots;
    double last_x = 0, last_y = 0;
    for (const Point& point : points) {
      if (point.*value <= 0) continue;
      last_x = X(point.tokens), last_y = Y(point.*value);
      path += fmt::format("{:.1f},{:.1f} ", last_x, last_y);
      dots += fmt::format("<circle cx='{:.1f}' cy='{:.1f}' r='3' fill='{}'/>\n", last_x, last_y, color);
    }
    return fmt::format("<polyline points='{}' fill='none' stroke='{}' stroke-width='2'/>\n{}", path, color, dots) +
           fmt::format("<text x='{:.1f}' y='{:.1f}' text-anchor='end' fill='{}'>{}</text>\n", last_x - 8, last_y - 6,
                       color, name);
  }
};

std::string Draw(const std::vector<Point>& points) {
  const Panel time{60, -1, 4, "time, ms"}, memory{450, -2, 4, "memory beside q, k and v, MiB"};
  std::string svg =
      "<svg xmlns='http://www.w3.org/2000/svg' width='780' height='340' font-family='sans-serif' font-size='12'>\n"
      "<rect width='780' height='340' fill='white'/>\n";
  svg += time.Frame() + time.Line(points, &Point::naive_ms, "#c0392b", "naive") +
         time.Line(points, &Point::tiled_ms, "#2060a0", "tiled");
  svg += memory.Frame() + memory.Line(points, &Point::naive_mb, "#c0392b", "naive") +
         memory.Line(points, &Point::tiled_mb, "#2060a0", "tiled");
  return svg + "<text x='390' y='332' text-anchor='middle'>tokens N (2 heads of 64, causal, f32)</text>\n</svg>\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: attention_figure_bench CSV SVG\n");
    return 2;
  }
  std::vector<Point> points;
  std::ofstream csv(argv[1]);
  csv << "tokens,tiled_ms,tiled_mib,naive_ms,naive_mib\n";
  for (int64_t n = 256; n <= kMost; n *= 2) {
    points.push_back(MeasureAt(n));
    const Point& p = points.back();
    csv << fmt::format("{:g},{:.3f},{:.2f},{:.3f},{:.2f}\n", p.tokens, p.tiled_ms, p.tiled_mb, p.naive_ms, p.naive_mb);
    fmt::print("{:6g} tokens: tiled {:9.2f} ms {:8.2f} MiB   naive {:9.2f} ms {:8.2f} MiB\n", p.tokens, p.tiled_ms,
               p.tiled_mb, p.naive_ms, p.naive_mb);
    std::fflush(stdout);
  }
  std::ofstream(argv[2]) << Draw(points);
  return csv.good() ? 0 : 1;
}
