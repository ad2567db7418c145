#pragma once
// Each main kernel alone, with the bytes and operations that it cannot do without. bench/kernels_bench.cc times them
// against the machine's limits, bench/count_kernels.cc counts their instructions.

#include <functional>
#include <string>
#include <vector>

#include "tessera/core/tensor.h"
#include "tessera/kernels/machine_probe.h"

namespace tessera::bench {

struct KernelCase {
  std::string name;       // "product q4_0, 512 rows"
  double bytes = 0;       // operands and results, each once; weights in the format of the file
  double operations = 0;  // a multiply and an add count as two; 0 where reading and writing is all that matters
  kernels::PeakKind kind = kernels::PeakKind::kF32;  // the arithmetic that the operations take
  // Makes the operands; the result runs the kernel once.
  std::function<std::function<void()>()> prepare;
};

struct CaseSizes {
  int64_t inputs = 1536, outputs = 8960;  // of a weight: Qwen2-1.5B's gate
  std::vector<int64_t> rows = {1, 512};   // a token, a prompt
  std::vector<int64_t> operator_rows = {1, 512};
  int64_t tokens = 4096, heads = 16;  // of attention
  int64_t memory = 96 << 20;  // weights of few rows take turns until they are that many bytes: more than caches hold,
                              // as in a model
};

// Products with weights of every format, attention over a prompt and over a cache, norms, softmax and what else a layer
// does, in this order.
std::vector<KernelCase> KernelCases(const CaseSizes& sizes);

}  // namespace tessera::bench
