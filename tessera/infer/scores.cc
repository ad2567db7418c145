#include "tessera/infer/scores.h"

#include "tessera/kernels/cuda/operators.h"

namespace tessera::infer {

Tensor LikeliestOnGpu(const Tensor& logits) { return kernels::cuda::LikeliestKeys(logits); }

std::vector<int32_t> ReadLikeliest(const Tensor& keys) {
  const Tensor here = keys.To(Device::kCpu);
  std::vector<int32_t> tokens;
  for (const int64_t key : here.data<int64_t>()) tokens.push_back(kernels::cuda::LikeliestToken(key));
  return tokens;
}

}  // namespace tessera::infer
