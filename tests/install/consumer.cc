// Uses an installed Tessera: draws the most likely of three tokens.
#include <cstdio>
#include <vector>

#include "tessera/core/tensor.h"
#include "tessera/infer/sampling.h"

int main() {
  const tessera::Tensor logits = tessera::Tensor::From<float>({0.1f, 2.0f, -1.0f}, {3});
  const int token = tessera::infer::SampleToken(logits.data<float>(), {}, 0, {});
  std::printf("token %d\n", token);
  return token == 1 ? 0 : 1;
}
