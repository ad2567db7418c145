#pragma once
// What kernels/cross_entropy.h promises, written plainly: one thread, one value after the other. Tests compare the fast
// kernels with these in double, and f64 tensors are computed by them.

#include "tessera/core/tensor.h"
#include "tessera/kernels/cross_entropy.h"

namespace tessera::kernels::reference {

CrossEntropyResult CrossEntropy(const Tensor& logits, const CrossEntropyTarget& target);
Tensor CrossEntropyVjp(const Tensor& dy, const Tensor& logits, const CrossEntropyTarget& target,
                       const CrossEntropyResult& forward);
Tensor CrossEntropyJvp(const Tensor& dlogits, const Tensor& logits, const CrossEntropyTarget& target,
                       const CrossEntropyResult& forward);

}  // namespace tessera::kernels::reference
