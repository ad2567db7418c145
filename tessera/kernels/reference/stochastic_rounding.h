#pragma once
// Stochastic rounding, one value after the other.

#include "tessera/kernels/stochastic_rounding.h"

namespace tessera::kernels::reference {

Tensor RoundStochastically(const Tensor& x, const RoundingNoise& noise);

}  // namespace tessera::kernels::reference
