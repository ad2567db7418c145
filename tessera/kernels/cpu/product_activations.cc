#include "tessera/kernels/cpu/product_activations.h"

#include <algorithm>
#include <cstring>

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/cpu/product_job.h"
#include "tessera/kernels/cpu/row_groups.h"
#include "tessera/kernels/cpu/transpose_words.h"

namespace tessera::kernels {
namespace {

// Work below which threads would cost more than they save: values of x.
constexpr int64_t kSerialValues = 16384;

// body(first row, rows) for each group, on threads if they are large.
template <typename Body>
void ForEachGroup(const Tensor& x, const RowChoice& chosen, int max_rows, Body body) {
  const RowGroups groups{chosen.count(x), max_rows};
  const auto one = [&](int64_t g) { body(groups.begin(g), groups.size(g)); };
  if (groups.rows * x.dim(1) < kSerialValues) {
    for (int64_t g = 0; g < groups.count(); ++g) one(g);
  } else {
    ParallelFor(groups.count(), one);
  }
}

}  // namespace

const float* RowAsFloat(const Tensor& x, int64_t row, float* scratch) {
  const int64_t inputs = x.dim(1), stride = x.stride(1);
  const std::byte* from = x.raw() + row * x.stride(0) * Info(x.dtype()).block_bytes;
  if (x.dtype() == DType::kF32) {
    const float* values = reinterpret_cast<const float*>(from);
    if (stride == 1 || inputs == 1) return values;
    for (int64_t k = 0; k < inputs; ++k) scratch[k] = values[k * stride];
  } else if (x.dtype() == DType::kBF16) {
    const BFloat16* values = reinterpret_cast<const BFloat16*>(from);
    for (int64_t k = 0; k < inputs; ++k) scratch[k] = static_cast<float>(values[k * stride]);
  } else if (stride == 1) {
    LiveFloatKernels().widen_f16(reinterpret_cast<const uint16_t*>(from), inputs, scratch);
  } else {
    const Float16* values = reinterpret_cast<const Float16*>(from);
    for (int64_t k = 0; k < inputs; ++k) scratch[k] = static_cast<float>(values[k * stride]);
  }
  return scratch;
}

void GroupFloatRows(const Tensor& x, const RowChoice& chosen, int max_rows, std::byte* out) {
  const int64_t inputs = x.dim(1);
  ForEachGroup(x, chosen, max_rows, [&](int64_t row, int rows) {
    std::byte* group = out + row * inputs * 4;
    if (x.dtype() == DType::kF32 && x.stride(0) == 1 &&
        chosen.all()) {  // a transposed view: a column of the group is contiguous
      for (int64_t k = 0; k < inputs; ++k)
        std::memcpy(group + k * rows * 4, x.raw() + (row + k * x.stride(1)) * 4, static_cast<size_t>(rows) * 4);
      return;
    }
    float* scratch = reinterpret_cast<float*>(ThreadScratch(Scratch::kConverted, rows * inputs * 4));
    const std::byte* pointers[kMostRows];
    for (int r = 0; r < rows; ++r)
      pointers[r] = reinterpret_cast<const std::byte*>(RowAsFloat(x, chosen[row + r], scratch + r * inputs));
    TransposeWords(pointers, rows, inputs, rows, group);
  });
}

void GroupBf16Rows(const Tensor& x, const RowChoice& chosen, int max_rows, std::byte* out) {
  const int64_t inputs = x.dim(1), pairs = (inputs + 1) / 2, stride = x.stride(1);
  const bool as_it_lies = x.dtype() == DType::kBF16 && stride == 1 && inputs % 2 == 0;
  ForEachGroup(x, chosen, max_rows, [&](int64_t row, int rows) {
    const std::byte* pointers[kMostRows];
    BFloat16* scratch = nullptr;
    float* floats = nullptr;
    if (!as_it_lies) {
      scratch = reinterpret_cast<BFloat16*>(ThreadScratch(Scratch::kConverted, rows * pairs * 4 + inputs * 4));
      floats = reinterpret_cast<float*>(scratch + rows * pairs * 2);
    }
    for (int r = 0; r < rows; ++r) {
      const std::byte* from = x.raw() + chosen[row + r] * x.stride(0) * Info(x.dtype()).block_bytes;
      pointers[r] = from;
      if (as_it_lies) continue;
      BFloat16* copy = scratch + r * pairs * 2;
      pointers[r] = reinterpret_cast<const std::byte*>(copy);
      if (x.dtype() == DType::kF32) {
        LiveBf16Kernels()->narrow(RowAsFloat(x, chosen[row + r], floats), inputs, reinterpret_cast<uint16_t*>(copy));
      } else {
        for (int64_t k = 0; k < inputs; ++k) copy[k] = reinterpret_cast<const BFloat16*>(from)[k * stride];
      }
      if (inputs % 2 != 0) copy[inputs] = BFloat16();
    }
    TransposeWords(pointers, rows, pairs, rows, out + row * pairs * 4);
  });
}

void GroupQuantizedRows(const Tensor& x, const RowChoice& chosen, int max_rows, const PanelFormat& format,
                        std::byte* out) {
  const int64_t inputs = x.dim(1), blocks = inputs / kBlockValues;
  const auto quantize = LiveIntegerKernels().quantize_row;
  ForEachGroup(x, chosen, max_rows, [&](int64_t row, int rows) {
    float* scratch = reinterpret_cast<float*>(ThreadScratch(Scratch::kConverted, inputs * 4));
    uint8_t* group = reinterpret_cast<uint8_t*>(out + row * blocks * XBlockBytes(format));
    for (int r = 0; r < rows; ++r)
      quantize(RowAsFloat(x, chosen[row + r], scratch), blocks, {0, blocks}, format, r, rows, group);
  });
}

void RegroupQuantizedRows(const std::byte* rows, int64_t units, std::span<const int64_t> chosen, int max_rows,
                          const PanelFormat& format, std::byte* out) {
  const int64_t block = XBlockBytes(format), words = (block - kBlockValues) / 4;
  const RowGroups groups{std::ssize(chosen), max_rows};
  for (int64_t g = 0; g < groups.count(); ++g) {
    const int64_t first = groups.begin(g), count = groups.size(g);
    for (int64_t r = 0; r < count; ++r) {
      const std::byte* from = rows + chosen[static_cast<size_t>(first + r)] * units * block;
      std::byte* to = out + first * units * block;
      for (int64_t u = 0; u < units; ++u, from += block, to += count * block) {
        std::memcpy(to + kBlockValues * r, from, kBlockValues);
        std::byte* word = to + kBlockValues * count + 4 * r;
        for (int64_t w = 0; w < words; ++w) std::memcpy(word + 4 * count * w, from + kBlockValues + 4 * w, 4);
      }
    }
  }
}

}  // namespace tessera::kernels
