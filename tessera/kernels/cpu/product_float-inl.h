// The inner loops of float products for one vocabulary V of sixteen lanes. Included by each instruction set's file,
// inside its target region and an unnamed namespace.

template <typename T>
T ReadAs(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

template <class V, int R>
struct Rows {
  typename V::F sum[R];

  void Load(const MicroArgs& a) {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) sum[r] = a.first ? V::Zero() : V::LoadUpTo(a.y + r * a.y_stride, a.columns);
  }
  void Store(const MicroArgs& a) const {
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) V::StoreUpTo(sum[r], a.y + r * a.y_stride, a.columns);
  }
};

// y[r] += x[u][r] w[u]                          for each value u of K
template <class V, int R>
void MultiplyF32(const MicroArgs& a) {
  Rows<V, R> y;
  y.Load(a);
  const float* x = static_cast<const float*>(a.x);
  const float* w = static_cast<const float*>(a.w);
  for (int64_t u = 0; u < a.units; ++u, x += R, w += kPanelRows) {
    const typename V::F lanes = V::Load(w);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) y.sum[r] = V::MulAdd(lanes, V::Set(x[r]), y.sum[r]);
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
  ((table.multiply[R] = MultiplyF32<V, R + 1>), ...);
  table.widen_bf16 = WidenBf16<V>;
  table.widen_f16 = WidenF16<V>;
  return table;
}
