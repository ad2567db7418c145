#pragma once
// What happens to a sum before it is stored: y = f(sum + bias), rounded once.

#include "tessera/core/tensor.h"
#include "tessera/kernels/activation.h"
#include "tessera/kernels/cuda/lanes.cuh"

namespace tessera::kernels::cuda {

// Values of f32 or bf16 whose dtype is known at run time.
struct FloatsIn {
  const void* data = nullptr;  // null: all are 0
  bool f32 = false;
  TESSERA_LANE float At(int64_t i) const {
    if (data == nullptr) return 0;
    return f32 ? static_cast<const float*>(data)[i] : FloatOfBF16(static_cast<const uint16_t*>(data)[i]);
  }
  // Eight neighbours from i on, a multiple of eight, in data at a multiple of 16 bytes.
  TESSERA_LANE void Eight(int64_t i, float (&out)[8]) const {
    if (f32) {
      const auto* from = reinterpret_cast<const float4*>(static_cast<const float*>(data) + i);
      const float4 low = from[0], high = from[1];
      out[0] = low.x, out[1] = low.y, out[2] = low.z, out[3] = low.w;
      out[4] = high.x, out[5] = high.y, out[6] = high.z, out[7] = high.w;
    } else {
      const uint4 v = *reinterpret_cast<const uint4*>(static_cast<const uint16_t*>(data) + i);
      const uint32_t pairs[4] = {v.x, v.y, v.z, v.w};
      TESSERA_UNROLLED
      for (int e = 0; e < 4; ++e) {
        out[2 * e] = FloatOf(pairs[e] << 16);
        out[2 * e + 1] = FloatOf(pairs[e] & 0xffff0000u);
      }
    }
  }
};
struct FloatsOut {
  void* data = nullptr;
  bool f32 = false;
  TESSERA_LANE void Set(int64_t i, float value) const {
    if (f32)
      static_cast<float*>(data)[i] = value;
    else
      static_cast<uint16_t*>(data)[i] = RoundToBF16(value);
  }
  // Eight neighbours from i on, a multiple of eight, in data at a multiple of 16 bytes.
  TESSERA_LANE void SetEight(int64_t i, const float (&values)[8]) const {
    if (f32) {
      auto* to = reinterpret_cast<float4*>(static_cast<float*>(data) + i);
      to[0] = make_float4(values[0], values[1], values[2], values[3]);
      to[1] = make_float4(values[4], values[5], values[6], values[7]);
    } else {
      uint32_t pairs[4];
      TESSERA_UNROLLED
      for (int e = 0; e < 4; ++e) {
        pairs[e] = RoundToPair(values[2 * e], values[2 * e + 1]);
      }
      *reinterpret_cast<uint4*>(static_cast<uint16_t*>(data) + i) = make_uint4(pairs[0], pairs[1], pairs[2], pairs[3]);
    }
  }
};

inline FloatsIn ReadFloats(const Tensor& x) {
  if (!x.defined()) return {};
  return {x.gpu_data(), x.dtype() == DType::kF32};
}
inline FloatsOut WriteFloats(Tensor& x) { return {x.mutable_gpu_data(), x.dtype() == DType::kF32}; }

// Each rounding is named: the compiler may otherwise make a product and a sum one operation in one kernel and not in
// another, and a row's bits would depend on its company.
TESSERA_LANE float Sigmoid(float x) { return DivRounded(1, AddRounded(1, expf(-x))); }
TESSERA_LANE float Gated(float gate, float up) {  // silu(gate) · up
  return MulRounded(MulRounded(gate, Sigmoid(gate)), up);
}

// The formulas of kernels/activation.h.
TESSERA_LANE float Activated(float x, Activation activation) {
  switch (activation) {
    case Activation::kGelu:
      return MulRounded(MulRounded(x, 0.5f), erfcf(MulRounded(x, -0.70710678118654752f)));
    case Activation::kGeluTanh: {  // (1 + tanh u) / 2 = σ(2u)
      const float cubic = MulRounded(MulRounded(0.044715f, x), MulRounded(x, x));
      return MulRounded(x, Sigmoid(MulRounded(2 * 0.79788456080286536f, AddRounded(x, cubic))));
    }
    case Activation::kQuickGelu:
      return MulRounded(x, Sigmoid(MulRounded(1.702f, x)));
    default:
      return x;
  }
}

}  // namespace tessera::kernels::cuda
