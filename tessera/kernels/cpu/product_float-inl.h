// The inner loops of float products for one vocabulary V of sixteen lanes. Included by each instruction set's file,
// inside its target region and an unnamed namespace.

// The sums of R rows and P panels, in registers.
template <class V, int R, int P>
struct Sums {
  typename V::F of[P][R];

  void Load(const MicroArgs& a) {
#pragma GCC unroll 2
    for (int p = 0; p < P; ++p) {
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r)
        of[p][r] = a.first ? V::Zero() : V::LoadUpTo(a.panels[p].y + r * a.y_stride, a.panels[p].columns);
    }
  }
  void Store(const MicroArgs& a) const {
#pragma GCC unroll 2
    for (int p = 0; p < P; ++p) {
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) V::StoreUpTo(of[p][r], a.panels[p].y + r * a.y_stride, a.panels[p].columns);
    }
  }
};

// y[r] += x[u][r] w[u]                          for each value u of K
template <class V, int R, int P>
void MultiplyF32(const MicroArgs& a) {
  Sums<V, R, P> y;
  y.Load(a);
  const float* x = static_cast<const float*>(a.x);
  const float* w[P];
  for (int p = 0; p < P; ++p) w[p] = static_cast<const float*>(a.panels[p].w);
  for (int64_t u = 0; u < a.units; ++u, x += R) {
    typename V::F lanes[P];
#pragma GCC unroll 2
    for (int p = 0; p < P; ++p) lanes[p] = V::Load(w[p] + u * kPanelRows);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const typename V::F value = V::Set(x[r]);
#pragma GCC unroll 2
      for (int p = 0; p < P; ++p) y.of[p][r] = V::MulAdd(lanes[p], value, y.of[p][r]);
    }
  }
  y.Store(a);
}

// The upper and the lower halves of 32-bit words are the odd and the even values of K.
template <class V>
void WidenBf16(const uint16_t* pairs, int64_t count, float* out) {
  for (int64_t k = 0; k + 1 < count; k += 2, pairs += 2 * kPanelRows, out += 2 * kPanelRows) {
    V::Store(V::EvenBf16(pairs), out);
    V::Store(V::OddBf16(pairs), out + kPanelRows);
  }
  if (count % 2 != 0) V::Store(V::EvenBf16(pairs), out);
}

template <class V>
void WidenF16(const uint16_t* values, int64_t count, float* out) {
  int64_t i = 0;
  for (; i + kPanelRows <= count; i += kPanelRows) V::Store(V::LoadF16(values + i), out + i);
  for (; i < count; ++i) out[i] = V::OneF16(values[i]);
}

template <class V, int... R>
FloatKernels MakeFloatKernels(std::integer_sequence<int, R...>) {
  FloatKernels table;
  table.max_rows = sizeof...(R);
  ((table.multiply[R] = MultiplyF32<V, R + 1, 1>), ...);
  if constexpr (V::kPairs) ((table.multiply_pair[R] = MultiplyF32<V, R + 1, 2>), ...);
  table.widen_bf16 = WidenBf16<V>;
  table.widen_f16 = WidenF16<V>;
  return table;
}
