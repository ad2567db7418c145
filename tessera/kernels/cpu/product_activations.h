#pragma once
// Rows of activations in the groups that the inner loops read (see product_kernels.h).

#include <span>

#include "tessera/core/tensor.h"
#include "tessera/kernels/cpu/product_kernels.h"

namespace tessera::kernels {

// Rows of x [M, K] as f32: the row itself where it is contiguous f32, else a copy in `scratch` [K].
const float* RowAsFloat(const Tensor& x, int64_t row, float* scratch);

// Rows of x in the order in which a product takes them: those that are listed, or all.
struct RowChoice {
  std::span<const int64_t> listed = {};

  bool all() const { return listed.data() == nullptr; }
  int64_t count(const Tensor& x) const { return all() ? x.dim(0) : std::ssize(listed); }
  int64_t operator[](int64_t i) const { return all() ? i : listed[static_cast<size_t>(i)]; }
};

// Groups of at most max_rows rows, f32 [K][R]: M · K · 4 bytes.
void GroupFloatRows(const Tensor& x, const RowChoice& chosen, int max_rows, std::byte* out);
// The same in bf16, of x in bf16 or f32 (rounded): pairs [(K + 1) / 2][R][2].
void GroupBf16Rows(const Tensor& x, const RowChoice& chosen, int max_rows, std::byte* out);
// XBlocks of the format: M · K / 32 · XBlockBytes(format) bytes.
void GroupQuantizedRows(const Tensor& x, const RowChoice& chosen, int max_rows, const PanelFormat& format,
                        std::byte* out);
// The same of rows that are XBlocks already, `units` for each, in groups of one row: [M, units] of them.
void RegroupQuantizedRows(const std::byte* rows, int64_t units, std::span<const int64_t> chosen, int max_rows,
                          const PanelFormat& format, std::byte* out);

}  // namespace tessera::kernels
