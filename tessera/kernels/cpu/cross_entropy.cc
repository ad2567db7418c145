#include "tessera/kernels/cross_entropy.h"

#include "tessera/kernels/reference/cross_entropy.h"

namespace tessera::kernels {

CrossEntropyResult CrossEntropy(const Tensor& logits, const CrossEntropyTarget& target) {
  return reference::CrossEntropy(logits, target);
}
Tensor CrossEntropyVjp(const Tensor& dy, const Tensor& logits, const CrossEntropyTarget& target,
                       const CrossEntropyResult& forward) {
  return reference::CrossEntropyVjp(dy, logits, target, forward);
}
Tensor CrossEntropyJvp(const Tensor& dlogits, const Tensor& logits, const CrossEntropyTarget& target,
                       const CrossEntropyResult& forward) {
  return reference::CrossEntropyJvp(dlogits, logits, target, forward);
}

}  // namespace tessera::kernels
