#pragma once
// What kernels/group_norm.h promises, written plainly: one thread, one value after the other.

#include "tessera/kernels/group_norm.h"

namespace tessera::kernels::reference {

GroupNormResult GroupNorm(const Tensor& x, const Tensor& w, const Tensor& b, int64_t groups, float eps);
GroupNormGradients GroupNormVjp(const Tensor& dy, const Tensor& x, const Tensor& w, const GroupNormResult& forward);
Tensor GroupNormJvp(const GroupNormTangents& tangents, const Tensor& x, const Tensor& w,
                    const GroupNormResult& forward);

}  // namespace tessera::kernels::reference
