#include "tessera/ops/upsample.h"

#include "tessera/core/checked.h"
#include "tessera/ops/checks.h"
#include "tessera/ops/gather.h"
#include "tessera/ops/view.h"

namespace tessera::ops {

// Rows of pixels chosen by index, so GatherRows knows the derivatives.
Tensor UpsampleNearest(const Tensor& x, int64_t s) {
  RequireFloat("upsample", x);
  Require(x.rank() == 4, "upsample: x {} must be [B, H, W, C]", x.shape());
  Require(s >= 1, "upsample: a factor of {}", s);
  const int64_t B = x.dim(0), H = x.dim(1), W = x.dim(2), C = x.dim(3);
  const int64_t height = CheckedMul(H, s, "upsample: the height"), width = CheckedMul(W, s, "upsample: the width");
  Tensor rows = Tensor::Empty({B * height * width}, DType::kI64);
  int64_t* to = rows.mutable_data<int64_t>().data();
  for (int64_t line = 0; line < B * height; ++line) {
    const int64_t from = (line / height * H + line % height / s) * W;
    for (int64_t j = 0; j < width; ++j) *to++ = from + j / s;
  }
  return Reshape(GatherRows(Reshape(x, {B * H * W, C}), rows), {B, height, width, C});
}

}  // namespace tessera::ops
