#include "tessera/kernels/cuda/few_rows_exact.cuh"
#include "tessera/kernels/cuda/launch_chained.cuh"
#include "tessera/kernels/cuda/products.h"

namespace tessera::kernels::cuda {
namespace {

template <class Format, typename T, RowAccess kAccess, int kM>
__global__ void __launch_bounds__(kExactWarps * 32) FewRowsExactKernel(const __grid_constant__ FewRowsArguments a) {
  MultiplyExactly<Format, T, kAccess, kM>(a);
}

template <class Format, typename T, RowAccess kAccess>
void LaunchExact(const FewRowsArguments& arguments, int64_t blocks) {
  const auto launch = [&]<int kM>() {
    LaunchChained(FewRowsExactKernel<Format, T, kAccess, kM>, blocks, kExactWarps * 32, 0, arguments);
  };
  if (arguments.x_rows == 1) return launch.template operator()<1>();
  if (arguments.x_rows == 2) return launch.template operator()<2>();
  if (arguments.x_rows <= 4) return launch.template operator()<4>();
  launch.template operator()<8>();
}

}  // namespace

int64_t CountBlocks(FewRowsArguments& arguments, int rows) {
  int64_t blocks = 0;
  for (int i = 0; i < arguments.part_count; ++i) {
    Require(blocks < (int64_t{1} << 31), "product: {} blocks are more than a GPU's grid holds", blocks);
    arguments.parts[i].first_block = static_cast<int>(blocks);
    if (i == 0 || !arguments.gated) blocks += (arguments.parts[i].weight.rows + rows - 1) / rows;
  }
  if (arguments.gated) arguments.parts[1].first_block = 0;
  return blocks;
}

void MultiplyFewRowsExactly(FewRowsArguments arguments, DType x, DType weight, RowAccess access) {
  const int64_t blocks = CountBlocks(arguments, kExactWarps * (arguments.gated ? 1 : kExactRows));
  WithWeightFormat(weight, [&]<class Format>(Format) {
    const auto with_x = [&]<typename T>(T) {
      if (access == RowAccess::kWhole) return LaunchExact<Format, T, RowAccess::kWhole>(arguments, blocks);
      if constexpr (!Format::kScaled) LaunchExact<Format, T, RowAccess::kSingle>(arguments, blocks);
    };
    if (x == DType::kF32) return with_x(float{});
    // Codes and bf16 with whole rows of bf16 go to few_rows_matrix.cuh.
    if constexpr (!Format::kScaled) with_x(BFloat16{});
  });
}

}  // namespace tessera::kernels::cuda
