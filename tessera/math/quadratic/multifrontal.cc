#include "tessera/math/quadratic/multifrontal.h"

#include <algorithm>
#include <cmath>

#include "tessera/math/numeric/lapack.h"

namespace tessera::math::quadratic {
namespace {

// A front under work: `width` columns of `height` rows, column by column, the square on top with both its halves.
struct Panel {
  double* values;
  size_t height, width;
  double& At(size_t i, size_t j) const { return values[j * height + i]; }
};

void Swap(const Panel& p, size_t k, size_t r, std::vector<int32_t>& place) {
  if (k == r) return;
  std::swap_ranges(&p.At(0, k), &p.At(0, k) + p.height, &p.At(0, r));
  for (size_t j = 0; j < p.width; ++j) std::swap(p.At(k, j), p.At(r, j));
  std::swap(place[k], place[r]);
}

// |ac - b²| >= (|ac| + b²)/4: then E^-1 by the adjugate errs by a modest multiple of u, |E||E^-1||E| <= 12 |E|.
bool IsFirm(double a, double b, double c) { return std::abs(a * c - b * b) > 0.26 * (std::abs(a * c) + b * b); }

// The pivot that lets the rest grow least, of one column or of two (Bunch and Kaufman 1977, within the front). Moves it
// to place k; its size, or 0 if the rest would grow by more than `most`.
size_t ChoosePivot(const Panel& p, size_t k, double most, std::vector<int32_t>& place) {
  constexpr double kGoodEnough = 0.5;  // of a pivot against its column
  double best_growth = INFINITY;
  size_t best = k, partner = k, best_row = k, best_column = k;
  double largest = -1;
  for (size_t c = k; c < p.width; ++c) {
    double column = 0, square = 0;
    size_t row = c;
    for (size_t i = k; i < p.width; ++i) {
      const double size = std::abs(p.At(i, c));
      if (i != c && size > square) square = size, row = i;
    }
    for (size_t i = p.width; i < p.height; ++i) column = std::max(column, std::abs(p.At(i, c)));
    const double pivot = std::abs(p.At(c, c)), rest = std::max(column, square);
    if (pivot > 0 && pivot >= kGoodEnough * rest) {
      Swap(p, k, c, place);
      return 1;
    }
    if (pivot > 0 && rest / pivot < best_growth) best_growth = rest / pivot, best = partner = c;
    if (square > largest && row != c) largest = square, best_row = row, best_column = c;
  }
  if (best_row != best_column) {
    const size_t c = best_column, r = best_row;
    const double a = p.At(c, c), b = p.At(r, c), d = p.At(r, r), det = std::abs(a * d - b * b);
    double of_c = 0, of_r = 0;
    for (size_t i = k; i < p.height; ++i) {
      if (i == c || i == r) continue;
      of_c = std::max(of_c, std::abs(p.At(i, c)));
      of_r = std::max(of_r, std::abs(p.At(i, r)));
    }
    const double growth =
        std::max(std::abs(d) * of_c + std::abs(b) * of_r, std::abs(b) * of_c + std::abs(a) * of_r) / det;
    if (IsFirm(a, b, d) && std::max(growth, 1.0) < best_growth) best_growth = growth, best = c, partner = r;
  }
  if (!std::isfinite(best_growth) || best_growth > most) return 0;
  Swap(p, k, best, place);
  if (best == partner) return 1;
  Swap(p, k + 1, partner == k ? best : partner, place);
  return 2;
}

// Column j -= x · column k, below row k's pivot
void Subtract(const Panel& p, size_t from, size_t j, double x, size_t k) {
  if (x == 0) return;
  double* to = &p.At(0, j);
  const double* column = &p.At(0, k);
  for (size_t i = from; i < p.height; ++i) to[i] -= x * column[i];
}

bool EliminateOne(const Panel& p, size_t k, Pivoting pivoting, std::vector<double>& d) {
  d[k] = p.At(k, k);
  if (pivoting == Pivoting::kNone ? !(d[k] > 0) : d[k] == 0) return false;
  const double inverse = 1 / d[k];
  for (size_t j = k + 1; j < p.width; ++j) Subtract(p, k + 1, j, p.At(j, k) * inverse, k);
  for (size_t i = k + 1; i < p.height; ++i) p.At(i, k) *= inverse;
  return true;
}

// With E = [a b; b c]: L's two columns are F E^-1. Scaled by b as LAPACK does, so that nothing overflows.
// False if the determinant cancels, which would spoil its sign and the error bound.
bool EliminateTwo(const Panel& p, size_t k, std::vector<double>& d, std::vector<double>& off) {
  const double a = d[k] = p.At(k, k), b = off[k] = p.At(k + 1, k), c = d[k + 1] = p.At(k + 1, k + 1);
  if (!IsFirm(a, b, c)) return false;
  const double ab = a / b, cb = c / b, scale = 1 / ((ab * cb - 1) * b);
  std::vector<double> first(p.height), second(p.height);
  for (size_t i = k + 2; i < p.height; ++i) {
    first[i] = (cb * p.At(i, k) - p.At(i, k + 1)) * scale;
    second[i] = (ab * p.At(i, k + 1) - p.At(i, k)) * scale;
  }
  for (size_t j = k + 2; j < p.width; ++j) {
    Subtract(p, k + 2, j, first[j], k);
    Subtract(p, k + 2, j, second[j], k + 1);
  }
  for (size_t i = k + 2; i < p.height; ++i) {
    p.At(i, k) = first[i];
    p.At(i, k + 1) = second[i];
  }
  p.At(k + 1, k) = 0;  // of L
  return true;
}

// rest -= L21 D L21', its lower half, from the columns that were eliminated; rest is what lies below row `stride -
// rows` and right of it in a square of `stride` rows.
void SubtractProduct(const Panel& p, const std::vector<double>& d, const std::vector<double>& off, double* rest,
                     size_t rest_stride) {
  const size_t rows = p.height - p.width, columns = d.size();
  std::vector<double> scaled(rows * columns);  // L21 D
  for (size_t k = 0; k < columns; ++k) {
    double* to = &scaled[k * rows];
    const double* own = &p.values[k * p.height + p.width];
    for (size_t i = 0; i < rows; ++i) to[i] = d[k] * own[i];
    const double before = k > 0 ? off[k - 1] : 0, after = off[k];
    if (before != 0)
      for (size_t i = 0; i < rows; ++i) to[i] += before * p.At(p.width + i, k - 1);
    if (after != 0)
      for (size_t i = 0; i < rows; ++i) to[i] += after * p.At(p.width + i, k + 1);
  }
  constexpr size_t kSmall = 24, kStripe = 128;
  if (rows < kSmall) {
    for (size_t k = 0; k < columns; ++k)
      for (size_t j = 0; j < rows; ++j) {
        const double x = p.At(p.width + j, k);
        for (size_t i = j; i < rows; ++i) rest[j * rest_stride + i] -= scaled[k * rows + i] * x;
      }
    return;
  }
  const numeric::Lapack& lapack = numeric::FindLapack();
  const double minus = -1, one = 1;
  const int depth = static_cast<int>(columns), height = static_cast<int>(p.height), stride = static_cast<int>(rows),
            square = static_cast<int>(rest_stride);
  for (size_t j = 0; j < rows; j += kStripe) {
    const int wide = static_cast<int>(std::min(kStripe, rows - j)), below = static_cast<int>(rows - j);
    lapack.dgemm("N", "T", &below, &wide, &depth, &minus, &scaled[j], &stride, &p.At(p.width + j, 0), &height, &one,
                 &rest[j * rest_stride + j], &square);
  }
}

}  // namespace

SparseFactor::SparseFactor(const SparseMatrix& a, const FrontTree& tree, double sign, double shift, Pivoting pivoting)
    : tree_(tree), parts_(tree.fronts().size()) {
  constexpr double kMostGrowth = 10;  // beyond it a pivot is delayed
  struct LeftOver {
    std::vector<int32_t> delayed, rows;  // its places: columns without a pivot yet, then the others
    std::vector<double> values;          // [delayed + rows, delayed + rows], the lower half
  };
  std::vector<LeftOver> waiting(parts_.size());
  std::vector<int32_t> local(static_cast<size_t>(a.n), -1), map;
  const int64_t most_values = 3 * tree.values() + (1 << 20);
  int64_t values = 0;
  for (const int32_t f : tree.sequence()) {
    const FrontTree::Front& front = tree.fronts()[static_cast<size_t>(f)];
    Part& part = parts_[static_cast<size_t>(f)];
    for (const int32_t child : front.children)
      for (const int32_t place : waiting[static_cast<size_t>(child)].delayed) part.place.push_back(place);
    const size_t delayed_here = part.place.size();
    for (int32_t k = front.first; k < front.last; ++k) part.place.push_back(k);
    const size_t width = part.place.size(), rows = front.rows.size(), height = width + rows;
    part.place.insert(part.place.end(), front.rows.begin(), front.rows.end());
    for (size_t i = 0; i < height; ++i) local[static_cast<size_t>(part.place[i])] = static_cast<int32_t>(i);
    values += static_cast<int64_t>(width * height);
    if (values > most_values) {
      complete_ = false;
      return;
    }
    part.l.assign(width * height, 0);
    std::vector<double> rest(rows * rows);
    const Panel panel = {part.l.data(), height, width};
    for (size_t k = delayed_here; k < width; ++k) {
      const auto column = static_cast<size_t>(tree.order()[static_cast<size_t>(part.place[k])]);
      for (int64_t e = a.start[column]; e < a.start[column + 1]; ++e) {
        const int32_t place = tree.place()[static_cast<size_t>(a.column[static_cast<size_t>(e)])];
        if (place < front.first) continue;
        panel.At(static_cast<size_t>(local[static_cast<size_t>(place)]), k) = sign * a.value[static_cast<size_t>(e)];
      }
      panel.At(k, k) += shift;
    }
    for (const int32_t child : front.children) {
      LeftOver& added = waiting[static_cast<size_t>(child)];
      map.clear();
      for (const auto* list : {&added.delayed, &added.rows})
        for (const int32_t place : *list) map.push_back(local[static_cast<size_t>(place)]);
      const size_t count = map.size();
      for (size_t j = 0; j < count; ++j) {
        const auto to = static_cast<size_t>(map[j]);
        const double* from = &added.values[j * count];
        if (to < width) {
          for (size_t i = j; i < count; ++i) panel.At(static_cast<size_t>(map[i]), to) += from[i];
          for (size_t i = j + 1; i < count && static_cast<size_t>(map[i]) < width; ++i)
            panel.At(to, static_cast<size_t>(map[i])) += from[i];
        } else {
          double* column = &rest[(to - width) * rows];
          for (size_t i = j; i < count; ++i) column[static_cast<size_t>(map[i]) - width] += from[i];
        }
      }
      added = {};
    }
    const bool last_chance = front.rows.empty();
    size_t done = 0;
    while (done < width && complete_) {
      part.d.resize(std::min(width, done + 2));
      part.off.resize(part.d.size());
      size_t size = 1;
      if (pivoting == Pivoting::kDelayed)
        size = ChoosePivot(panel, done, last_chance ? INFINITY : kMostGrowth, part.place);
      if (size == 0) {
        complete_ = !last_chance;
        break;
      }
      complete_ = size == 2 ? EliminateTwo(panel, done, part.d, part.off) : EliminateOne(panel, done, pivoting, part.d);
      done += size;
    }
    if (!complete_) return;
    part.d.resize(done);
    part.off.resize(done);
    const size_t delayed = width - done;
    LeftOver& left = waiting[static_cast<size_t>(f)];
    if (delayed == 0) {
      if (rows > 0) SubtractProduct(panel, part.d, part.off, rest.data(), rows);
      left.values = std::move(rest);
    } else {
      const size_t count = delayed + rows;
      left.values.assign(count * count, 0);
      for (size_t j = 0; j < delayed; ++j)
        std::copy_n(&panel.At(done + j, done + j), count - j, &left.values[j * count + j]);
      double* corner = &left.values[delayed * count + delayed];
      for (size_t j = 0; j < rows; ++j) std::copy_n(&rest[j * rows], rows, corner + j * count);
      if (done > 0) SubtractProduct(panel, part.d, part.off, corner, count);
      part.l.resize(done * height);
    }
    left.delayed.assign(part.place.begin() + static_cast<ptrdiff_t>(done),
                        part.place.begin() + static_cast<ptrdiff_t>(width));
    left.rows = front.rows;
  }
}

Inertia SparseFactor::inertia() const {
  Inertia inertia;
  for (const Part& part : parts_)
    for (size_t k = 0; k < part.d.size(); ++k) {
      if (part.off[k] != 0) {
        const bool same = part.d[k] * part.d[k + 1] - part.off[k] * part.off[k] > 0;
        inertia.positive += !same ? 1 : part.d[k] > 0 ? 2 : 0;
        inertia.negative += !same ? 1 : part.d[k] > 0 ? 0 : 2;
        ++k;
      } else {
        ++(part.d[k] > 0 ? inertia.positive : inertia.negative);
      }
    }
  return inertia;
}

// y <- |L||D||L'| x
void SparseFactor::MultiplySizes(const std::vector<double>& x, std::vector<double>& y) const {
  y.assign(x.size(), 0);
  std::vector<double> below, with_d;
  for (const Part& part : parts_) {
    const size_t columns = part.d.size(), height = part.place.size();
    below.assign(columns, 0);  // |L'| x
    for (size_t k = 0; k < columns; ++k) {
      below[k] = x[static_cast<size_t>(part.place[k])];
      for (size_t i = k + 1; i < height; ++i)
        below[k] += std::abs(part.l[k * height + i]) * x[static_cast<size_t>(part.place[i])];
    }
    with_d.assign(columns, 0);
    for (size_t k = 0; k < columns; ++k) {
      with_d[k] += std::abs(part.d[k]) * below[k];
      if (part.off[k] == 0) continue;
      with_d[k] += std::abs(part.off[k]) * below[k + 1];
      with_d[k + 1] += std::abs(part.off[k]) * below[k];
    }
    for (size_t k = 0; k < columns; ++k) {
      y[static_cast<size_t>(part.place[k])] += with_d[k];
      for (size_t i = k + 1; i < height; ++i)
        y[static_cast<size_t>(part.place[i])] += std::abs(part.l[k * height + i]) * with_d[k];
    }
  }
}

// The spectral radius of a matrix M >= 0 is at most max (Mx)_i/x_i for any x > 0 (Collatz 1942); a few steps of x <- Mx
// bring the bound down.
SparseFactor::Growth SparseFactor::GrowthBound() const {
  constexpr int kSteps = 6;
  std::vector<double> x(tree_.order().size(), 1), y;
  double bound = INFINITY;
  for (int step = 0; step < kSteps; ++step) {
    MultiplySizes(x, y);
    double ratio = 0, largest = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      ratio = std::max(ratio, y[i] / x[i]);
      largest = std::max(largest, y[i]);
    }
    bound = std::min(bound, ratio * (1 + 1e-9));
    if (!std::isfinite(largest) || largest == 0) break;
    for (size_t i = 0; i < x.size(); ++i) x[i] = std::max(y[i] / largest, 1e-30);
  }
  std::vector<int64_t> length(x.size());
  for (const Part& part : parts_)
    for (size_t i = 0; i < part.place.size(); ++i)
      length[static_cast<size_t>(part.place[i])] += static_cast<int64_t>(std::min(i + 1, part.d.size()));
  return {bound, *std::ranges::max_element(length)};
}

void SparseFactor::Backward(std::vector<double>& y) const {
  for (size_t s = tree_.sequence().size(); s-- > 0;) {
    const Part& part = parts_[static_cast<size_t>(tree_.sequence()[s])];
    const size_t height = part.place.size();
    for (size_t k = part.d.size(); k-- > 0;) {
      double sum = y[static_cast<size_t>(part.place[k])];
      const double* column = &part.l[k * height];
      for (size_t i = k + 1; i < height; ++i) sum -= column[i] * y[static_cast<size_t>(part.place[i])];
      y[static_cast<size_t>(part.place[k])] = sum;
    }
  }
}

void SparseFactor::Solve(std::vector<double>& x) const {
  std::vector<double> y(x.size());
  for (size_t k = 0; k < y.size(); ++k) y[k] = x[static_cast<size_t>(tree_.order()[k])];
  for (const int32_t id : tree_.sequence()) {
    const Part& part = parts_[static_cast<size_t>(id)];
    const size_t columns = part.d.size(), height = part.place.size();
    for (size_t k = 0; k < columns; ++k) {
      const double value = y[static_cast<size_t>(part.place[k])];
      const double* column = &part.l[k * height];
      for (size_t i = k + 1; i < height; ++i) y[static_cast<size_t>(part.place[i])] -= column[i] * value;
    }
    for (size_t k = 0; k < columns; ++k) {
      double& first = y[static_cast<size_t>(part.place[k])];
      if (part.off[k] == 0) {
        first /= part.d[k];
        continue;
      }
      double& second = y[static_cast<size_t>(part.place[k + 1])];
      const double b = part.off[k], ab = part.d[k] / b, cb = part.d[k + 1] / b, scale = 1 / ((ab * cb - 1) * b);
      const double u = (cb * first - second) * scale, v = (ab * second - first) * scale;
      first = u;
      second = v;
      ++k;
    }
  }
  Backward(y);
  for (size_t k = 0; k < y.size(); ++k) x[static_cast<size_t>(tree_.order()[k])] = y[k];
}

std::vector<double> SparseFactor::DirectionOf(int sign) const {
  std::vector<double> y(tree_.order().size());
  bool found = false;
  for (size_t s = parts_.size(); s-- > 0 && !found;) {
    const Part& part = parts_[static_cast<size_t>(tree_.sequence()[s])];
    for (size_t k = 0; k < part.d.size() && !found; ++k) {
      if (part.off[k] == 0) {
        if ((part.d[k] > 0) != (sign > 0)) continue;
        y[static_cast<size_t>(part.place[k])] = 1;
      } else {  // the eigenvector of [a b; b c]
        const double a = part.d[k], b = part.off[k], c = part.d[k + 1], root = std::hypot((a - c) / 2, b);
        const double value = (a + c) / 2 + (sign > 0 ? root : -root);
        const size_t first = k++;
        if ((value > 0) != (sign > 0)) continue;
        y[static_cast<size_t>(part.place[first])] = b;
        y[static_cast<size_t>(part.place[first + 1])] = value - a;
      }
      found = true;
    }
  }
  if (!found) return {};
  Backward(y);
  std::vector<double> x(y.size());
  for (size_t k = 0; k < y.size(); ++k) x[static_cast<size_t>(tree_.order()[k])] = y[k];
  return x;
}

}  // namespace tessera::math::quadratic
