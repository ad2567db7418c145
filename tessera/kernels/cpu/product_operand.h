#pragma once
// What a product's two sides must lie like for the live inner loops, and how they are brought to it.

#include "tessera/core/tensor.h"
#include "tessera/kernels/cpu/product_activations.h"
#include "tessera/kernels/cpu/product_job.h"
#include "tessera/kernels/matmul.h"

namespace tessera::kernels {

// Which inner loops multiply.
enum class ProductKind : uint8_t { kFloat, kBf16, kInteger };

// The rows of a product's x as its inner loops read them: groups of at most max_rows rows of `units` units.
struct ProductOperand {
  ProductKind kind = ProductKind::kFloat;
  PanelFormat format = {};  // of integer products
  int64_t units = 0, unit_bytes = 0;
  int max_rows = 0;
  const std::byte* data = nullptr;

  int64_t bytes(int64_t rows) const { return (rows * units * unit_bytes + 63) / 64 * 64; }
  bool operator==(const ProductOperand& o) const {  // whether products may share what Arrange wrote
    return kind == o.kind && unit_bytes == o.unit_bytes && format.minimum == o.format.minimum &&
           format.parts == o.format.parts && format.centre() == o.format.centre();
  }
};

// For `rows` rows of x, of this dtype, times a weight [N, K].
ProductOperand OperandFor(int64_t rows, DType x, const Tensor& weight, ProductPrecision precision);

// Writes the rows of x [M, K] as the operand's groups: operand.bytes(rows) bytes.
void Arrange(const Tensor& x, const RowChoice& chosen, const ProductOperand& operand, std::byte* out);

// Fills in what the job needs to know of x (operand.data included) and the weight, which must outlive it. The job's
// number of rows is there already, and so is `finish`, which goes where the weight has too large a K for it.
void AddWeight(const Tensor& weight, const ProductOperand& operand, ProductJob& job);

}  // namespace tessera::kernels
