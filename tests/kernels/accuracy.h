#pragma once
// Compares fast kernels with the plain ones: the error against double must be at most twice that of the plain formula
// in the same dtype.

#include <functional>
#include <vector>

#include "tessera/core/tensor.h"

namespace tessera::kernels {

using Inputs = std::vector<Tensor>;
using Function = std::function<Tensor(const Inputs&)>;

// The dtypes that fast kernels know.
inline constexpr DType kFastDTypes[] = {DType::kF32, DType::kBF16, DType::kF16};

// Lengths around whole vectors of every instruction set: 0 to two of the widest, and one more.
inline constexpr int64_t kLongestRow = 33;

// Values of `dtype` drawn from a normal distribution times `scale`; they begin in the middle of an aligned block.
struct Draw {
  DType dtype = DType::kF32;
  double scale = 1;
  uint64_t seed = 1;
};
Tensor Values(const Shape& shape, const Draw& draw);

// How errors are measured: each value's in units of its own last place, or against the greatest value of all results.
enum class Measure : uint8_t { kUnitsInTheLastPlace, kGreatestValue };

// fast(inputs) against plain(inputs), both in the inputs' dtype, and plain(inputs as f64): the greatest error over all
// cases. The plain formula's error counts as half a unit at least; as a whole one if the results have less than 1000
// values. A value that is not finite must be the same in both.
void ExpectAsExactAsPlain(const Function& fast, const Function& plain, const std::vector<Inputs>& cases,
                          Measure measure);

// Expects the same bytes in both.
void ExpectSameBits(const Tensor& a, const Tensor& b);

// Expects make() to give the same bits with 1, 2 and 4 threads.
void ExpectSameForAnyThreads(const std::function<Tensor()>& make);

}  // namespace tessera::kernels
