// Channels lie side by side in vectors, so every sum is first one of each channel over the places, and then of the
// channels of a group:
//
//   mean_g = Σ_{c in g} Σ_p x / n      Σ_g w∘dy = Σ_{c in g} w_c Σ_p dy      Σ_g x̂∘w∘dy = Σ_{c in g} w_c Σ_p x̂∘dy

#include "tessera/kernels/group_norm.h"

#include <cmath>
#include <vector>

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/float_types.h"
#include "tessera/kernels/reference/group_norm.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tessera/kernels/cpu/group_norm.cc"
#include "tessera/kernels/cpu/targets.h"
// after targets.h:
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tessera/kernels/cpu/lanes-inl.h"

#ifndef TESSERA_KERNELS_CPU_GROUP_NORM_ARGS
#define TESSERA_KERNELS_CPU_GROUP_NORM_ARGS
namespace tessera::kernels {

// Some places of one picture. What is one value a channel is f32 [C].
struct GroupNormPlaces {
  DType dtype;  // f32, bf16 or f16
  int64_t places, C;
  const std::byte *x = nullptr, *d = nullptr;  // [places, C]; d: dy or ẋ
  std::byte* y = nullptr;
  const float *mean = nullptr, *r = nullptr;
  const float *a = nullptr, *b = nullptr, *c = nullptr;  // what a map multiplies and adds
  float *sum = nullptr, *dot = nullptr;                  // added to
};
using GroupNormKernel = void (*)(const GroupNormPlaces&);

}  // namespace tessera::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;
using lanes::Vector;

template <typename Body>
HWY_INLINE void EachPlace(const GroupNormPlaces& at, const Body& body) {
  lanes::WithType(at.dtype, [&]<typename T>(T) HWY_ATTR {
    for (int64_t p = 0; p < at.places; ++p) {
      const T* x = reinterpret_cast<const T*>(at.x) + p * at.C;
      const T* d = at.d == nullptr ? nullptr : reinterpret_cast<const T*>(at.d) + p * at.C;
      body(x, d, at.y == nullptr ? nullptr : reinterpret_cast<T*>(at.y) + p * at.C);
    }
  });
}

// sum += x
void SumPlaces(const GroupNormPlaces& at) {
  const float* old = at.sum;
  EachPlace(at, [&]<typename T>(const T* x, const T*, T*) HWY_ATTR {
    lanes::Map(
        at.C, at.sum, [](Vector s, Vector v) HWY_ATTR { return hn::Add(s, v); }, old, x);
  });
}

// sum += (x - mean)²
void SumSquares(const GroupNormPlaces& at) {
  const float* old = at.sum;
  EachPlace(at, [&]<typename T>(const T* x, const T*, T*) HWY_ATTR {
    lanes::Map(
        at.C, at.sum,
        [](Vector s, Vector v, Vector mean) HWY_ATTR { return hn::MulAdd(hn::Sub(v, mean), hn::Sub(v, mean), s); }, old,
        x, at.mean);
  });
}

// sum += d, dot += x̂ d
void SumProducts(const GroupNormPlaces& at) {
  const float *old_sum = at.sum, *old_dot = at.dot;
  EachPlace(at, [&]<typename T>(const T* x, const T* d, T*) HWY_ATTR {
    lanes::Map(
        at.C, at.sum, [](Vector s, Vector v) HWY_ATTR { return hn::Add(s, v); }, old_sum, d);
    lanes::Map(
        at.C, at.dot,
        [](Vector s, Vector v, Vector vd, Vector mean, Vector r)
            HWY_ATTR { return hn::MulAdd(hn::Mul(hn::Sub(v, mean), r), vd, s); },
        old_dot, x, d, at.mean, at.r);
  });
}

// y = x̂ a + b
void ScaleShift(const GroupNormPlaces& at) {
  EachPlace(at, [&]<typename T>(const T* x, const T*, T* y) HWY_ATTR {
    lanes::Map(
        at.C, y,
        [](Vector v, Vector mean, Vector r, Vector a, Vector b)
            HWY_ATTR { return hn::Add(hn::Mul(hn::Mul(hn::Sub(v, mean), r), a), b); },
        x, at.mean, at.r, at.a, at.b);
  });
}

// y = d a + x̂ b + c
void Combine(const GroupNormPlaces& at) {
  EachPlace(at, [&]<typename T>(const T* x, const T* d, T* y) HWY_ATTR {
    lanes::Map(
        at.C, y,
        [](Vector v, Vector vd, Vector mean, Vector r, Vector a, Vector b, Vector c)
            HWY_ATTR { return hn::MulAdd(vd, a, hn::MulAdd(hn::Mul(hn::Sub(v, mean), r), b, c)); },
        x, d, at.mean, at.r, at.a, at.b, at.c);
  });
}

}  // namespace
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {
namespace {

HWY_EXPORT(SumPlaces);
HWY_EXPORT(SumSquares);
HWY_EXPORT(SumProducts);
HWY_EXPORT(ScaleShift);
HWY_EXPORT(Combine);

using Channels = std::vector<float>;  // one value a channel

constexpr int64_t kBlock = 64;  // places whose sums are added up by one thread

bool IsDouble(const Tensor& x) { return x.dtype() == DType::kF64; }

Channels Floats(const Tensor& x) {
  const Tensor values = x.To(DType::kF32);
  const auto data = values.data<float>();
  return {data.begin(), data.end()};
}

// One picture [P, C] of x and, where defined, of d and y.
class Picture {
 public:
  Picture(const Tensor& x, const Tensor& d, Tensor* y, int64_t index) : P_(x.dim(1)) {
    all_ = {.dtype = x.dtype(), .places = P_, .C = x.dim(2)};
    place_bytes_ = all_.C * Info(x.dtype()).block_bytes;
    const int64_t begin = index * P_ * place_bytes_;
    all_.x = x.raw() + begin;
    if (d) all_.d = d.raw() + begin;
    if (y != nullptr) all_.y = y->mutable_raw() + begin;
  }
  void SetStatistics(const Channels& mean, const Channels& r) {
    all_.mean = mean.data();
    all_.r = r.empty() ? nullptr : r.data();
  }

  // What the kernel adds up: one value a channel, `dot` too if it is wanted. Blocks are added in double, in order.
  void Sum(GroupNormKernel kernel, Channels& sum, Channels* dot = nullptr) const {
    const int64_t blocks = (P_ + kBlock - 1) / kBlock, C = all_.C;
    std::vector<float> partial(static_cast<size_t>(2 * blocks * C));
    ParallelForRange(P_, kBlock, [&](int64_t begin, int64_t end) {
      GroupNormPlaces at = Part(begin, end);
      at.sum = partial.data() + begin / kBlock * 2 * C;
      at.dot = at.sum + C;
      kernel(at);
    });
    const auto add = [&](int64_t offset, Channels& out) {
      out.resize(static_cast<size_t>(C));
      for (int64_t c = 0; c < C; ++c) {
        double total = 0;
        for (int64_t block = 0; block < blocks; ++block)
          total += partial[static_cast<size_t>(block * 2 * C + offset + c)];
        out[static_cast<size_t>(c)] = static_cast<float>(total);
      }
    };
    add(0, sum);
    if (dot != nullptr) add(C, *dot);
  }

  // y = kernel of each place with these factors.
  void Map(GroupNormKernel kernel, const Channels& a, const Channels& b, const Channels& c = {}) const {
    ParallelForRange(P_, kBlock, [&](int64_t begin, int64_t end) {
      GroupNormPlaces at = Part(begin, end);
      at.a = a.data();
      at.b = b.data();
      at.c = c.data();
      kernel(at);
    });
  }

 private:
  GroupNormPlaces all_;
  int64_t P_, place_bytes_;

  GroupNormPlaces Part(int64_t begin, int64_t end) const {
    GroupNormPlaces at = all_;
    at.places = end - begin;
    at.x += begin * place_bytes_;
    if (at.d != nullptr) at.d += begin * place_bytes_;
    if (at.y != nullptr) at.y += begin * place_bytes_;
    return at;
  }
};

// Each channel's value replaced by the mean of its group's P C/G values, given sums over the P places.
void MeanOfGroups(Channels& sums, int64_t groups, int64_t places) {
  const size_t width = sums.size() / static_cast<size_t>(groups);
  for (size_t begin = 0; begin < sums.size(); begin += width) {
    double total = 0;
    for (size_t c = begin; c < begin + width; ++c) total += sums[c];
    const auto mean = static_cast<float>(total / (static_cast<double>(width) * static_cast<double>(places)));
    std::fill_n(sums.begin() + static_cast<std::ptrdiff_t>(begin), width, mean);
  }
}

// The statistics [B, G] of one picture, one value a channel.
Channels OfChannels(const Tensor& statistic, int64_t picture, int64_t C) {
  const int64_t groups = statistic.dim(1);
  Channels values;
  for (int64_t c = 0; c < C; ++c)
    values.push_back(statistic.data<float>()[static_cast<size_t>(picture * groups + c / (C / groups))]);
  return values;
}

// Of each group's channels, which are alike, the first.
void KeepGroups(const Channels& values, int64_t picture, Tensor& statistic) {
  const int64_t groups = statistic.dim(1), width = std::ssize(values) / groups;
  for (int64_t g = 0; g < groups; ++g)
    statistic.mutable_data<float>()[static_cast<size_t>(picture * groups + g)] = values[static_cast<size_t>(g * width)];
}

Tensor Rounded(const std::vector<double>& values, DType dtype) {
  return Tensor::From<double>(values, {std::ssize(values)}).To(dtype);
}

}  // namespace

GroupNormResult GroupNorm(const Tensor& x, const Tensor& w, const Tensor& b, int64_t groups, float eps) {
  if (IsDouble(x)) return reference::GroupNorm(x, w, b, groups, eps);
  GroupNormResult result{.y = Tensor::Empty(x.shape(), x.dtype()),
                         .mean = Tensor::Empty({x.dim(0), groups}),
                         .r = Tensor::Empty({x.dim(0), groups})};
  const Channels weight = Floats(w), bias = Floats(b);
  for (int64_t i = 0; i < x.dim(0); ++i) {
    Picture picture(x, {}, &result.y, i);
    Channels mean, r;
    picture.Sum(TESSERA_DISPATCH(SumPlaces), mean);
    MeanOfGroups(mean, groups, x.dim(1));
    picture.SetStatistics(mean, {});
    picture.Sum(TESSERA_DISPATCH(SumSquares), r);
    MeanOfGroups(r, groups, x.dim(1));
    for (float& value : r) value = 1.0f / std::sqrt(value + eps);
    picture.SetStatistics(mean, r);
    picture.Map(TESSERA_DISPATCH(ScaleShift), weight, bias);
    KeepGroups(mean, i, result.mean);
    KeepGroups(r, i, result.r);
  }
  return result;
}

// dx = dy (r w) - x̂ (r mean(x̂∘w∘dy)) - r mean(w∘dy)
GroupNormGradients GroupNormVjp(const Tensor& dy, const Tensor& x, const Tensor& w, const GroupNormResult& forward) {
  if (IsDouble(x)) return reference::GroupNormVjp(dy, x, w, forward);
  Tensor dx = Tensor::Empty(x.shape(), x.dtype());
  const Channels weight = Floats(w);
  const size_t C = weight.size();
  std::vector<double> dw(C), db(C);
  for (int64_t i = 0; i < x.dim(0); ++i) {
    Picture picture(x, dy, &dx, i);
    const Channels mean = OfChannels(forward.mean, i, x.dim(2)), r = OfChannels(forward.r, i, x.dim(2));
    picture.SetStatistics(mean, r);
    Channels sum, dot, scale = weight;
    picture.Sum(TESSERA_DISPATCH(SumProducts), sum, &dot);
    for (size_t c = 0; c < C; ++c) {
      db[c] += sum[c];
      dw[c] += dot[c];
      sum[c] *= weight[c];
      dot[c] *= weight[c];
    }
    MeanOfGroups(sum, forward.r.dim(1), x.dim(1));
    MeanOfGroups(dot, forward.r.dim(1), x.dim(1));
    for (size_t c = 0; c < C; ++c) {
      scale[c] *= r[c];
      sum[c] *= -r[c];
      dot[c] *= -r[c];
    }
    picture.Map(TESSERA_DISPATCH(Combine), scale, dot, sum);
  }
  return {.dx = dx, .dw = Rounded(dw, w.dtype()), .db = Rounded(db, w.dtype())};
}

// ẏ = ẋ (r w) + x̂ (ẇ - r w mean(x̂∘ẋ)) + (ḃ - r w mean(ẋ))
Tensor GroupNormJvp(const GroupNormTangents& tangents, const Tensor& x, const Tensor& w,
                    const GroupNormResult& forward) {
  if (IsDouble(x)) return reference::GroupNormJvp(tangents, x, w, forward);
  Tensor result = Tensor::Empty(x.shape(), x.dtype());
  const Channels weight = Floats(w), none(weight.size());
  const Channels dw = tangents.dw ? Floats(tangents.dw) : none, db = tangents.db ? Floats(tangents.db) : none;
  for (int64_t i = 0; i < x.dim(0); ++i) {
    Picture picture(x, tangents.dx, &result, i);
    const Channels mean = OfChannels(forward.mean, i, x.dim(2)), r = OfChannels(forward.r, i, x.dim(2));
    picture.SetStatistics(mean, r);
    if (!tangents.dx) {
      picture.Map(TESSERA_DISPATCH(ScaleShift), dw, db);
      continue;
    }
    Channels sum, dot, scale = weight;
    picture.Sum(TESSERA_DISPATCH(SumProducts), sum, &dot);
    MeanOfGroups(sum, forward.r.dim(1), x.dim(1));
    MeanOfGroups(dot, forward.r.dim(1), x.dim(1));
    for (size_t c = 0; c < weight.size(); ++c) {
      scale[c] *= r[c];
      dot[c] = dw[c] - scale[c] * dot[c];
      sum[c] = db[c] - scale[c] * sum[c];
    }
    picture.Map(TESSERA_DISPATCH(Combine), scale, dot, sum);
  }
  return result;
}

}  // namespace tessera::kernels
#endif
