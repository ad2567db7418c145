#include "tessera/kernels/view.h"

#include <gtest/gtest.h>

#include "kernels/accuracy.h"
#include "tessera/kernels/reference/view.h"

namespace tessera::kernels {
namespace {

Tensor Numbered(const Shape& shape, DType dtype) {
  Tensor x = Tensor::Empty(shape, DType::kI64);
  for (int64_t i = 0; i < x.numel(); ++i) x.mutable_data<int64_t>()[i] = i;
  return x.To(dtype);
}

TEST(ViewKernels, TransposeGivesThePlainLoopsValues) {
  for (DType dtype : {DType::kI64, DType::kF32, DType::kF16, DType::kU8}) {
    for (const Shape& shape :
         {Shape{3, 4}, Shape{67, 35}, Shape{2, 33, 3, 40}, Shape{5, 1, 7, 2}, Shape{0, 3}, Shape{1}}) {
      const Tensor x = Numbered(shape, dtype);
      for (int a = 0; a < shape.rank(); ++a) {
        for (int b = 0; b < shape.rank(); ++b) ExpectSameBits(Transpose(x, a, b), reference::Transpose(x, a, b));
      }
    }
  }
}

TEST(ViewKernels, SlicesAndTheirAdjointsGiveThePlainLoopsValues) {
  const Tensor x = Numbered({5, 6, 7}, DType::kI32);
  for (int axis : {0, 1, 2}) {
    const Tensor middle = Slice(x, axis, 1, 4);
    ExpectSameBits(middle, reference::Slice(x, axis, 1, 4));
    ExpectSameBits(Unslice(middle, axis, 2, 9), reference::Unslice(middle, axis, 2, 9));
    const Tensor parts[] = {middle, x, Slice(x, axis, 2, 2)};
    ExpectSameBits(Concat(parts, axis), reference::Concat(parts, axis));
  }
}

TEST(ViewKernels, ThreadsDoNotChangeBits) {
  const Tensor x = Values({300, 301}, {});
  ExpectSameForAnyThreads([&] { return Transpose(x, 0, 1); });
  ExpectSameForAnyThreads([&] { return Slice(x, 1, 3, 200); });
}

}  // namespace
}  // namespace tessera::kernels
