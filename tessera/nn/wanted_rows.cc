#include "tessera/nn/wanted_rows.h"

#include <vector>

#include "tessera/ops/gather.h"

namespace tessera::nn {

bool WantsFewer(const Context& context) {
  if (!context.wanted) return false;
  for (size_t i = 0; i < context.wanted->size(); ++i)
    if ((*context.wanted)[i] < context.pattern.sequences[i].query_count) return true;
  return false;
}

Tensor WantedOf(const Tensor& x, const Context& context) {
  if (!WantsFewer(context)) return x;
  std::vector<int64_t> rows;
  int64_t end = 0;
  for (size_t i = 0; i < context.wanted->size(); ++i) {
    end += context.pattern.sequences[i].query_count;
    for (int64_t row = end - (*context.wanted)[i]; row < end; ++row) rows.push_back(row);
  }
  if (rows.empty()) return x.Slice(0, 0, 0);
  return ops::GatherRows(x, Tensor::From(rows, {std::ssize(rows)}));
}

WantedRows::WantedRows(const Context& context, const RotaryTables& all)
    : pass(context), rotary{WantedOf(all.cos, context), WantedOf(all.sin, context)}, whole_(context) {
  for (size_t i = 0; i < pass.pattern.sequences.size(); ++i) {
    kernels::AttentionSequence& sequence = pass.pattern.sequences[i];
    sequence.query_count = (*pass.wanted)[i];
    if (sequence.query_count == 0) sequence.tree_parents.clear();
  }
}

}  // namespace tessera::nn
