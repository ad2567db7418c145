#include "tessera/nn/wanted_rows.h"

#include <vector>

#include "tessera/ops/gather.h"

namespace tessera::nn {
namespace {

Tensor NumbersOf(const Context& context) {
  std::vector<int64_t> rows;
  int64_t end = 0;
  for (size_t i = 0; i < context.wanted->size(); ++i) {
    end += context.pattern.sequences[i].query_count;
    for (int64_t row = end - (*context.wanted)[i]; row < end; ++row) rows.push_back(row);
  }
  return Tensor::From(rows, {std::ssize(rows)});
}

Tensor Take(const Tensor& x, const Tensor& rows) {
  return rows.numel() == 0 ? x.Slice(0, 0, 0) : ops::GatherRows(x, rows);
}

}  // namespace

bool WantsFewer(const Context& context) {
  if (!context.wanted) return false;
  for (size_t i = 0; i < context.wanted->size(); ++i)
    if ((*context.wanted)[i] < context.pattern.sequences[i].query_count) return true;
  return false;
}

Tensor WantedOf(const Tensor& x, const Context& context) {
  return WantsFewer(context) ? Take(x, NumbersOf(context)) : x;
}

WantedRows::WantedRows(const Context& context, const RotaryTables& all)
    : rows_(NumbersOf(context)), pass(context), rotary{Take(all.cos, rows_), Take(all.sin, rows_)} {
  for (size_t i = 0; i < pass.pattern.sequences.size(); ++i) {
    kernels::AttentionSequence& sequence = pass.pattern.sequences[i];
    sequence.query_count = (*pass.wanted)[i];
    if (sequence.query_count == 0) sequence.tree_parents.clear();
  }
}

Tensor WantedRows::Of(const Tensor& x) const { return Take(x, rows_); }

}  // namespace tessera::nn
