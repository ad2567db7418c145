#include "tessera/kernels/reference/group_norm.h"

#include <cmath>
#include <vector>

#include "tessera/kernels/float_types.h"

namespace tessera::kernels::reference {
namespace {

// The values of one group of one picture: calls body(index in x, channel).
template <typename Body>
void EachValue(const Shape& x, int64_t groups, int64_t picture, int64_t group, const Body& body) {
  const int64_t P = x[1], C = x[2], width = C / groups;
  for (int64_t p = 0; p < P; ++p)
    for (int64_t c = group * width; c < (group + 1) * width; ++c) body((picture * P + p) * C + c, c);
}

// Calls body(picture, group, number of values).
template <typename Body>
void EachGroup(const Shape& x, int64_t groups, const Body& body) {
  for (int64_t b = 0; b < x[0]; ++b)
    for (int64_t g = 0; g < groups; ++g) body(b, g, x[1] * (x[2] / groups));
}

}  // namespace

GroupNormResult GroupNorm(const Tensor& x, const Tensor& w, const Tensor& b, int64_t groups, float eps) {
  GroupNormResult result{.y = Tensor::Empty(x.shape(), x.dtype()), .mean = {}, .r = {}};
  WithFloatType(x.dtype(), "group_norm", [&]<typename T>(T) {
    using C = ComputeType<T>;
    result.mean = Tensor::Empty({x.dim(0), groups}, DTypeOf<C>);
    result.r = Tensor::Empty({x.dim(0), groups}, DTypeOf<C>);
    const auto in = x.data<T>(), weight = w.data<T>(), bias = b.data<T>();
    const auto out = result.y.mutable_data<T>();
    EachGroup(x.shape(), groups, [&](int64_t picture, int64_t group, int64_t count) {
      C sum = 0, squares = 0;
      EachValue(x.shape(), groups, picture, group, [&](int64_t i, int64_t) { sum += C(in[i]); });
      const C mean = sum / C(count);
      EachValue(x.shape(), groups, picture, group,
                [&](int64_t i, int64_t) { squares += (C(in[i]) - mean) * (C(in[i]) - mean); });
      const C r = C(1) / std::sqrt(squares / C(count) + C(eps));
      EachValue(x.shape(), groups, picture, group,
                [&](int64_t i, int64_t c) { out[i] = T((C(in[i]) - mean) * r * C(weight[c]) + C(bias[c])); });
      result.mean.template mutable_data<C>()[picture * groups + group] = mean;
      result.r.template mutable_data<C>()[picture * groups + group] = r;
    });
  });
  return result;
}

GroupNormGradients GroupNormVjp(const Tensor& dy, const Tensor& x, const Tensor& w, const GroupNormResult& forward) {
  GroupNormGradients result{.dx = Tensor::Empty(x.shape(), x.dtype()),
                            .dw = Tensor::Empty(w.shape(), w.dtype()),
                            .db = Tensor::Empty(w.shape(), w.dtype())};
  const int64_t groups = forward.r.dim(1);
  WithFloatType(x.dtype(), "group_norm", [&]<typename T>(T) {
    using C = ComputeType<T>;
    const auto in = x.data<T>(), grad = dy.data<T>(), weight = w.data<T>();
    const auto out = result.dx.mutable_data<T>();
    std::vector<C> dw(static_cast<size_t>(w.numel())), db(dw.size());
    EachGroup(x.shape(), groups, [&](int64_t picture, int64_t group, int64_t count) {
      const C mean = forward.mean.data<C>()[picture * groups + group],
              r = forward.r.data<C>()[picture * groups + group];
      C sum = 0, dot = 0;
      EachValue(x.shape(), groups, picture, group, [&](int64_t i, int64_t c) {
        const C x_hat = (C(in[i]) - mean) * r, g = C(weight[c]) * C(grad[i]);
        sum += g;
        dot += x_hat * g;
        dw[c] += x_hat * C(grad[i]);
        db[c] += C(grad[i]);
      });
      EachValue(x.shape(), groups, picture, group, [&](int64_t i, int64_t c) {
        const C x_hat = (C(in[i]) - mean) * r, g = C(weight[c]) * C(grad[i]);
        out[i] = T(r * (g - sum / C(count) - x_hat * (dot / C(count))));
      });
    });
    for (size_t c = 0; c < dw.size(); ++c) {
      result.dw.mutable_data<T>()[c] = T(dw[c]);
      result.db.mutable_data<T>()[c] = T(db[c]);
    }
  });
  return result;
}

Tensor GroupNormJvp(const GroupNormTangents& tangents, const Tensor& x, const Tensor& w,
                    const GroupNormResult& forward) {
  Tensor result = Tensor::Empty(x.shape(), x.dtype());
  const int64_t groups = forward.r.dim(1);
  WithFloatType(x.dtype(), "group_norm", [&]<typename T>(T) {
    using C = ComputeType<T>;
    const auto in = x.data<T>(), weight = w.data<T>();
    const T* dx = tangents.dx ? tangents.dx.data<T>().data() : nullptr;
    const T* dw = tangents.dw ? tangents.dw.data<T>().data() : nullptr;
    const T* db = tangents.db ? tangents.db.data<T>().data() : nullptr;
    EachGroup(x.shape(), groups, [&](int64_t picture, int64_t group, int64_t count) {
      const C mean = forward.mean.data<C>()[picture * groups + group],
              r = forward.r.data<C>()[picture * groups + group];
      C sum = 0, dot = 0;
      if (dx != nullptr)
        EachValue(x.shape(), groups, picture, group, [&](int64_t i, int64_t) {
          sum += C(dx[i]);
          dot += (C(in[i]) - mean) * r * C(dx[i]);
        });
      EachValue(x.shape(), groups, picture, group, [&](int64_t i, int64_t c) {
        const C x_hat = (C(in[i]) - mean) * r;
        C value = 0;
        if (dx != nullptr) value += C(weight[c]) * r * (C(dx[i]) - sum / C(count) - x_hat * (dot / C(count)));
        if (dw != nullptr) value += C(dw[c]) * x_hat;
        if (db != nullptr) value += C(db[c]);
        result.mutable_data<T>()[i] = T(value);
      });
    });
  });
  return result;
}

}  // namespace tessera::kernels::reference
