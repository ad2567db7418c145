#include "tessera/kernels/norm.h"

#include "tessera/kernels/reference/norm.h"

namespace tessera::kernels {

RmsNormResult RmsNorm(const Tensor& x, const Tensor& w, float eps) { return reference::RmsNorm(x, w, eps); }
NormGradients RmsNormVjp(const Tensor& dy, const Tensor& x, const Tensor& w, const Tensor& r) {
  return reference::RmsNormVjp(dy, x, w, r);
}
Tensor RmsNormJvp(const NormTangents& tangents, const Tensor& x, const Tensor& w, const Tensor& r) {
  return reference::RmsNormJvp(tangents, x, w, r);
}
LayerNormResult LayerNorm(const Tensor& x, const Tensor& w, const Tensor& b, float eps) {
  return reference::LayerNorm(x, w, b, eps);
}
NormGradients LayerNormVjp(const Tensor& dy, const Tensor& x, const Tensor& w, const LayerNormResult& forward) {
  return reference::LayerNormVjp(dy, x, w, forward);
}
Tensor LayerNormJvp(const NormTangents& tangents, const Tensor& x, const Tensor& w, const LayerNormResult& forward) {
  return reference::LayerNormJvp(tangents, x, w, forward);
}

}  // namespace tessera::kernels
