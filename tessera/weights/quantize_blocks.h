#pragma once
// Whole tensors to and from block formats, on all threads.
//
//   Tensor small = weights::Quantize(w, DType::kQ4_K);   // w [N, K], K a multiple of 256
//   Tensor again = weights::Dequantize(small);           // f32 [N, K], near w

#include <functional>
#include <string>

#include "tessera/core/tensor.h"

namespace tessera::weights {

// The values of x in f32. x is a contiguous f64, f32, f16, bf16 or block-format tensor of any shape; an f32 tensor
// comes back as it is. Throws Error for integer tensors.
Tensor Dequantize(const Tensor& x);

struct QuantizeOptions {
  std::string name = "quantize";                // what errors call the tensor
  std::function<void(int64_t)> on_values = {};  // called from time to time with the number of values done since then,
                                                // on the calling thread
};

// x in `dtype`: f32, f16, bf16 or a block format; the blocks lie along the last axis. x is a contiguous f64, f32, f16,
// bf16 or block-format tensor; only a row a thread is ever in f32. A tensor that has the dtype already comes back as it
// is. The same bits for any number of threads. Throws Error, naming the tensor and the row, for NaN and infinities, for
// values too large for the format's scales, for a last axis that is not whole blocks, and for a dtype that cannot be
// written (kernels::CanQuantize).
Tensor Quantize(const Tensor& x, DType dtype, const QuantizeOptions& options = {});

}  // namespace tessera::weights
