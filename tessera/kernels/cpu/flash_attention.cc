#include "tessera/kernels/attention.h"

namespace tessera::kernels {

AttentionResult Attention(const AttentionOperands& x, const AttentionSpec& spec) {
  return reference::Attention(x, spec);
}

AttentionOperands AttentionVjp(const AttentionOperands& x, const AttentionSpec& spec, const AttentionResult& result,
                               const Tensor& d_o) {
  return reference::AttentionVjp(x, spec, result, d_o);
}

Tensor AttentionJvp(const AttentionOperands& x, const AttentionSpec& spec, const AttentionResult& result,
                    const AttentionOperands& tangents) {
  return reference::AttentionJvp(x, spec, result, tangents);
}

AttentionResult AttentionPaged(const AttentionOperands& x, const KvPages& pages, const AttentionSpec& spec) {
  return reference::AttentionPaged(x, pages, spec);
}

}  // namespace tessera::kernels
