#include "tessera/kernels/matmul.h"

#include <array>
#include <cstring>
#include <vector>

#include "tessera/ops/differentiable.h"
#include "tessera/ops/linear.h"

namespace tessera::ops {
namespace {

// x [..., R, C] as [batch, R, C].
Tensor AsBatch(const Tensor& x) {
  int64_t batch = 1;
  for (int i = 0; i < x.rank() - 2; ++i) batch *= x.dim(i);
  return x.Contiguous().Reshape({batch, x.dim(-2), x.dim(-1)});
}

// One matrix of a batch, transposed if asked.
enum class As { kIs, kTransposed };
Tensor Matrix(const Tensor& batch, int64_t index, As as) {
  const Tensor matrix = batch.Slice(0, index, index + 1).Reshape({batch.dim(1), batch.dim(2)});
  return as == As::kIs ? matrix : matrix.Transpose(0, 1);
}

// c[i] = a[i] b[i]ᵀ for every matrix of two batches, in f32 or f64.
Tensor Products(const Tensor& a, As a_as, const Tensor& b, As b_as) {
  std::vector<Tensor> parts;
  for (int64_t i = 0; i < a.dim(0); ++i) parts.push_back(kernels::Product(Matrix(a, i, a_as), Matrix(b, i, b_as)));
  const bool wide = a.dtype() == DType::kF64 || b.dtype() == DType::kF64;
  Tensor c = Tensor::Empty({a.dim(0), a.dim(a_as == As::kIs ? 1 : 2), b.dim(b_as == As::kIs ? 1 : 2)},
                           wide ? DType::kF64 : DType::kF32);
  std::byte* out = c.mutable_raw();
  for (const Tensor& part : parts) {
    std::memcpy(out, part.raw(), static_cast<size_t>(part.bytes()));
    out += part.bytes();
  }
  return c;
}

Tensor Sum(const Tensor& a, const Tensor& b) {
  Tensor sum = a.Clone();
  const auto add = [&]<typename T>(T) {
    const auto term = b.data<T>();
    const auto out = sum.mutable_data<T>();
    for (size_t i = 0; i < out.size(); ++i) out[i] += term[i];
  };
  a.dtype() == DType::kF64 ? add(double{}) : add(float{});
  return sum;
}

}  // namespace

Tensor MatMul(const Tensor& a, const Tensor& b) {
  Require(a.defined() && b.defined() && a.rank() >= 2 && a.rank() == b.rank(),
          "matmul: a {} and b {} need the same number of axes, at least 2", a.shape(), b.shape());
  Require(Info(a.dtype()).is_float && a.dtype() == b.dtype(),
          "matmul: a is {} and b is {}; both must be f32, bf16, f16 or f64", Name(a.dtype()), Name(b.dtype()));
  for (int i = 0; i < a.rank() - 2; ++i)
    Require(a.dim(i) == b.dim(i), "matmul: leading axes of a {} and b {} differ", a.shape(), b.shape());
  Require(a.dim(-1) == b.dim(-2), "matmul: a {} has {} columns but b {} has {} rows", a.shape(), a.dim(-1), b.shape(),
          b.dim(-2));
  const Tensor left = AsBatch(Detach(a)), right = AsBatch(Detach(b));
  const Shape shape = a.shape().With(-1, b.dim(-1));
  const DType dtype = a.dtype();
  return Differentiable(
      Products(left, As::kIs, right, As::kTransposed).To(dtype).Reshape(shape), {a, b},
      // dA = dC Bᵀ,  dB = Aᵀ dC
      [=](const Tensor& gradient) {
        const Tensor dc = AsBatch(gradient);
        return std::vector<Tensor>{
            Products(dc, As::kIs, right, As::kIs).To(dtype).Reshape(shape.With(-1, right.dim(1))),
            Products(left, As::kTransposed, dc, As::kTransposed).To(dtype).Reshape(shape.With(-2, left.dim(2)))};
      },
      // Ċ = Ȧ B + A Ḃ
      [=](std::span<const Tensor> tangents) {
        Tensor sum;
        if (tangents[0]) sum = Products(AsBatch(tangents[0]), As::kIs, right, As::kTransposed);
        if (tangents[1]) {
          const Tensor term = Products(left, As::kIs, AsBatch(tangents[1]), As::kTransposed);
          sum = sum ? Sum(sum, term) : term;
        }
        return sum.To(dtype).Reshape(shape);
      });
}

}  // namespace tessera::ops
