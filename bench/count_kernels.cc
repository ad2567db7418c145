// Runs each main kernel once on one thread, small, for callgrind to count its instructions; bench/count starts it and
// compares. Without callgrind it only runs them.
//
//   count_kernels              all
//   count_kernels --compiler   prints what built it, which the counts depend on

#include <fmt/format.h>
#include <valgrind/callgrind.h>

#include <functional>
#include <string_view>

#include "bench/kernel_cases.h"
#include "tessera/core/isa.h"
#include "tessera/core/thread_pool.h"

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--compiler") {
#if defined(__clang__)
    fmt::print("clang {}\n", __clang_version__);
#else
    fmt::print("gcc {}\n", __VERSION__);
#endif
    return 0;
  }
  tessera::SetThreadCount(1);
  // callgrind knows no AVX-512; without this the counts would be those of another processor.
  tessera::ForceIsa(tessera::Isa::kAvx2);
  // Small, since valgrind computes each lane of a fused multiply-add in software; and no operator on a single row,
  // where the allocator's few hundred instructions, which differ from run to run, would be more than 2 %.
  const tessera::bench::CaseSizes sizes{
      .inputs = 512, .outputs = 256, .rows = {1, 16}, .operator_rows = {64}, .tokens = 80, .heads = 2, .memory = 0};
  for (const tessera::bench::KernelCase& kernel : tessera::bench::KernelCases(sizes)) {
    const std::function<void()> run = kernel.prepare();
    run();  // the first call chooses kernels and makes tables
    CALLGRIND_ZERO_STATS;
    run();
    CALLGRIND_DUMP_STATS_AT(kernel.name.c_str());
  }
  return 0;
}
