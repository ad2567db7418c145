// The text of the GPU's products of a few rows, run on the host with a thread for each lane, beside the definition.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <memory>

#include "kernels/attention_cases.h"
#include "kernels/attention_plain.h"
#include "tessera/kernels/cuda/block_weight.h"
#include "tessera/kernels/cuda/few_rows_exact.cuh"
#include "tessera/kernels/cuda/few_rows_matrix.cuh"
#include "tessera/kernels/matmul.h"
#include "tessera/kernels/packed_weight.h"
#include "tessera/kernels/quant_rows.h"

namespace tessera::kernels::cuda {
namespace {

// A weight [N, K] in the GPU's order, in memory here, and the values that it stands for.
struct HostWeight {
  std::vector<uint4> memory;  // at a multiple of 16 bytes
  WeightView view;
  Tensor values;  // f64

  HostWeight(int64_t rows, int64_t cols, DType dtype, uint32_t seed) {
    const Tensor floats = Normal({rows, cols}, seed);
    Tensor stored = floats.To(IsQuantized(dtype) ? DType::kF32 : dtype);
    if (IsQuantized(dtype)) {
      const auto row_bytes = BytesFor(dtype, cols);
      stored = Tensor::Empty({rows, cols}, dtype);
      for (int64_t r = 0; r < rows; ++r)
        QuantizeRow(dtype, floats.data<float>().subspan(static_cast<size_t>(r * cols), static_cast<size_t>(cols)),
                    stored.mutable_raw() + r * row_bytes);
    }
    Tensor plain = Tensor::Empty({rows, cols});
    ReadWeightRows(stored, 0, rows, plain.mutable_data<float>());
    values = plain.To(DType::kF64);
    const BlockWeightLayout layout =
        IsQuantized(dtype) ? LayoutOfBlocks(dtype, rows, cols) : BlockWeightLayout{rows, BytesFor(dtype, cols), 0};
    memory.resize(static_cast<size_t>(layout.bytes() + 15) / 16);
    auto* bytes = reinterpret_cast<unsigned char*>(memory.data());
    if (IsQuantized(dtype))
      PackBlocks(stored, reinterpret_cast<std::byte*>(bytes));
    else
      std::memcpy(bytes, stored.raw(), static_cast<size_t>(stored.bytes()));
    view = {bytes, bytes + layout.scales_at(), static_cast<int>(layout.row_bytes),
            static_cast<int>(layout.scale_row_bytes), rows};
  }
};

struct Case {
  int rows;  // of x
  int64_t outputs, cols;
  bool gated = false;
};

// Runs one launch of two weights, or of gate and up, and compares; returns y of the first.
template <class Format, typename T, bool kMatrix>
Tensor Expect(DType dtype, const Case& c) {
  const HostWeight first(c.outputs, c.cols, dtype, 1), second(c.gated ? c.outputs : c.outputs + 3, c.cols, dtype, 2);
  const Tensor x = Normal({c.rows, c.cols}, 3, DTypeOf<T>), bias = Normal({c.outputs}, 4);
  Tensor y = Tensor::Full({c.rows, c.outputs}, NAN), other = Tensor::Full({c.rows, second.view.rows}, NAN);
  FewRowsArguments a;
  a.x = x.raw();
  a.x_rows = c.rows;
  a.cols = static_cast<int>(c.cols);
  a.part_count = 2;
  a.gated = c.gated;
  const FloatsIn with_bias = c.gated ? FloatsIn{} : FloatsIn{bias.raw(), true};
  a.parts[0] = {first.view, with_bias, {y.mutable_raw(), true}};
  a.parts[1] = {second.view, {}, {other.mutable_raw(), true}, Activation::kQuickGelu};
  const int tile = kMatrix ? (c.gated ? kTileRows / 2 : kTileRows) : kExactWarps * (c.gated ? 1 : kExactRows);
  const auto blocks = [&](int64_t outputs) { return static_cast<int>((outputs + tile - 1) / tile); };
  a.parts[1].first_block = c.gated ? 0 : blocks(c.outputs);
  const int all_blocks = blocks(c.outputs) + (c.gated ? 0 : blocks(second.view.rows));
  if constexpr (kMatrix) {
    const auto sums = std::make_unique<float[][kTileWarps][kTileRows * 8]>(1);
    RunLanes(all_blocks, kTileWarps * 32, [&] { MultiplyTile<Format, 2>(a, sums[0]); });
  } else {
    RunLanes(all_blocks, kExactWarps * 32, [&] {
      c.rows <= 2 ? MultiplyExactly<Format, T, RowAccess::kWhole, 2>(a)
                  : MultiplyExactly<Format, T, RowAccess::kWhole, 8>(a);
    });
  }
  const auto exact = [&](const HostWeight& w) { return reference::Product(x.To(DType::kF64), w.values); };
  const Tensor p = exact(first), q = exact(second);
  const auto check = [&](const Tensor& got, const Tensor& want) {
    EXPECT_LE(MostDifference(got, want), 3e-6 * Largest(want) * std::sqrt(static_cast<double>(c.cols)))
        << Name(dtype) << ", x " << Name(DTypeOf<T>) << " " << c.rows << " x " << c.cols << " -> " << c.outputs;
  };
  Tensor want = p.Clone(), want_other = q.Clone();
  const auto silu = [](double v, double steepness) { return v / (1 + std::exp(-steepness * v)); };
  for (size_t i = 0; i < want.data<double>().size(); ++i) {
    double& v = want.mutable_data<double>()[i];
    v = c.gated ? silu(v, 1) * q.data<double>()[i]
                : v + static_cast<double>(bias.data<float>()[i % static_cast<size_t>(c.outputs)]);
  }
  for (double& v : want_other.mutable_data<double>()) v = silu(v, 1.702);
  check(y, want);
  if (!c.gated) check(other, want_other);
  return y;
}

TEST(CudaFewRowsText, OnMatrixUnitsAreTheDefinition) {
  for (const Case& c : {Case{3, 17, 96}, Case{8, 5, 544}, Case{8, 20, 32, true}, Case{2, 9, 320, true}}) {
    Expect<BF16Format, BFloat16, true>(DType::kBF16, c);
    Expect<Q8Format, BFloat16, true>(DType::kQ8_0, c);
    Expect<Q4Format, BFloat16, true>(DType::kQ4_0, c);
    Expect<Q4MinimumFormat, BFloat16, true>(DType::kQ4_1, c);
  }
  Expect<BF16Format, BFloat16, true>(DType::kBF16, {4, 7, 72});  // no whole blocks
}

TEST(CudaFewRowsText, InF32AreTheDefinition) {
  Expect<BF16Format, float, false>(DType::kBF16, {5, 3, 264});
  for (const Case& c : {Case{2, 9, 96}, Case{1, 5, 160, true}}) {
    Expect<F32Format, float, false>(DType::kF32, c);
    Expect<BF16Format, float, false>(DType::kBF16, c);
    Expect<Q8Format, float, false>(DType::kQ8_0, c);
    Expect<Q4Format, float, false>(DType::kQ4_0, c);
    Expect<Q4MinimumFormat, float, false>(DType::kQ4_1, c);
    Expect<F32Format, BFloat16, false>(DType::kF32, c);
  }
}

TEST(CudaFewRowsText, ARowHasTheSameBitsInCompany) {
  const auto same = []<class Format, typename T, bool kMatrix>(DType dtype) {
    const Tensor together = Expect<Format, T, kMatrix>(dtype, {8, 9, 160});
    const Tensor alone = Expect<Format, T, kMatrix>(dtype, {1, 9, 160});  // x begins with the same row
    EXPECT_EQ(std::memcmp(alone.raw(), together.raw(), 9 * sizeof(float)), 0) << Name(dtype);
  };
  same.operator()<BF16Format, BFloat16, true>(DType::kBF16);
  same.operator()<Q4Format, BFloat16, true>(DType::kQ4_0);
  same.operator()<BF16Format, float, false>(DType::kBF16);
  same.operator()<Q8Format, float, false>(DType::kQ8_0);
}

}  // namespace
}  // namespace tessera::kernels::cuda
