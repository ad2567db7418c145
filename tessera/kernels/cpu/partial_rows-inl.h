// What attention knows of a block of rows after some of their keys, and how that becomes a result: segments are merged
// from first to last, then rows are divided by their sums.
// Included once an instruction set, like tile-inl.h.
#ifndef TESSERA_KERNELS_CPU_PARTIAL_ROWS_H_
#define TESSERA_KERNELS_CPU_PARTIAL_ROWS_H_
namespace tessera::kernels {
// m, l and unscaled o of each row of a block over some keys.
struct PartialRows {
  float *m, *l, *o;  // [R], [R], [R, Dv']
};
}  // namespace tessera::kernels
#endif

#if defined(TESSERA_KERNELS_CPU_PARTIAL_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TESSERA_KERNELS_CPU_PARTIAL_ROWS_INL_H_
#undef TESSERA_KERNELS_CPU_PARTIAL_ROWS_INL_H_
#else
#define TESSERA_KERNELS_CPU_PARTIAL_ROWS_INL_H_
#endif

#include <cmath>

#include "tessera/kernels/cpu/attention_work.h"
#include "tessera/kernels/cpu/softmax-inl.h"
#include "tessera/kernels/cpu/tile_rows-inl.h"

TESSERA_BEFORE_TILES();
namespace tessera::kernels::HWY_NAMESPACE {

// Adds one segment's partial result to the total of the segments before it, for the rows that see any of its keys.
inline void MergeSegment(const AttentionWork& work, const RowBlock& block, const KeyRange* ranges, int64_t segment,
                         const PartialRows& partial, const PartialRows& total) {
  const size_t width = work.value_width();
  for (size_t r = 0; r < block.rows(); ++r) {
    if (ranges[r].begin >= ranges[r].end || ranges[r].begin >= (segment + 1) * kSegmentKeys ||
        ranges[r].end <= segment * kSegmentKeys)
      continue;
    float* o = total.o + r * width;
    if (ranges[r].begin / kSegmentKeys == segment) {  // the row's first
      total.m[r] = partial.m[r], total.l[r] = partial.l[r];
      std::memcpy(o, partial.o + r * width, width * sizeof(float));
      continue;
    }
    const float m = total.m[r] > partial.m[r] ? total.m[r] : partial.m[r];
    const float shift = m == -kInfinity ? 0 : m;
    const float a = std::exp2(total.m[r] - shift), b = std::exp2(partial.m[r] - shift);
    total.l[r] = a * total.l[r] + b * partial.l[r];
    MixRows(a, o, b, partial.o + r * width, width);
    total.m[r] = m;
  }
}

// y = x · factor. -0 becomes 0: hidden keys may have added one or the other.
inline void ScaleInto(float factor, const float* x, float* y, size_t n) {
  const Floats df;
  for (size_t j = 0; j < n; j += kLanes)
    hn::StoreU(hn::Add(hn::Mul(hn::LoadU(df, x + j), hn::Set(df, factor)), hn::Zero(df)), df, y + j);
}

// O = O' / l and L = m ln 2 + ln l, after the sink took its share.
inline void FinishRows(const AttentionWork& work, const RowBlock& block, const KeyRange* ranges,
                       const PartialRows& total, const AttentionResult& result) {
  Tensor o = result.o, lse = result.lse;
  float* logs = lse.mutable_data<float>().data();
  const size_t width = work.value_width();
  const DType dtype = o.dtype();
  const size_t row_bytes = static_cast<size_t>(BytesFor(dtype, static_cast<int64_t>(work.value_dim)));
  const bool in_place = dtype == DType::kF32 && width == work.value_dim;  // whole vectors of a row of the result
  size_t place = work.Place(block, 0);                                    // of the row; Place would divide for each
  int64_t left = work.group - block.begin % work.group;                   // rows of this query from this one on
  for (size_t r = 0; r < block.rows(); ++r) {
    std::byte* out = o.mutable_raw() + place * row_bytes;
    float* row = total.o + r * width;
    float* finished = in_place ? reinterpret_cast<float*>(out) : row;
    float m = total.m[r], l = total.l[r], factor = 1;
    if (ranges[r].begin >= ranges[r].end) {
      Clear(finished, width);
      logs[place] = kInfinity;
    } else {
      if (!work.sinks.empty()) {
        const float sink = work.sinks[static_cast<size_t>(work.Head(block, r))] * kLog2E;
        const float most = sink > m ? sink : m;
        factor = std::exp2(m - most);
        l = l * factor + std::exp2(sink - most);
        m = most;
      }
      ScaleInto(factor / l, row, finished, width);
      logs[place] = m * kLn2 + std::log(l);
    }
    if (!in_place) StoreRow(row, dtype, out, work.value_dim);
    if (--left == 0) {
      place += static_cast<size_t>(work.heads - work.group);
      left = work.group;
    }
    ++place;
  }
}

}  // namespace tessera::kernels::HWY_NAMESPACE
TESSERA_AFTER_TILES();

#endif  // include guard of the instruction set
