#pragma once
// The rows of a pass that somebody reads. Of a prompt that is the last one: in the last layer the others need keys and
// values, for tokens to come, and nothing else.

#include "tessera/core/tensor.h"
#include "tessera/nn/context.h"
#include "tessera/nn/rotary.h"

namespace tessera::nn {

// Whether a pass wants fewer rows than it has.
bool WantsFewer(const Context& context);

// Those rows of x, [T, C] -> [M, C]; all of them where the context does not say.
Tensor WantedOf(const Tensor& x, const Context& context);

// What the last layer is given of its queries, M of the T rows of a pass.
class WantedRows {
  Tensor rows_;  // their numbers, i64 [M], ascending

 public:
  Context pass;         // whose pattern has these queries alone; the cache's slots are those of all rows
  RotaryTables rotary;  // of these rows

  // `all` are the tables of the T rows of `context`, which wants some of them.
  WantedRows(const Context& context, const RotaryTables& all);

  Tensor Of(const Tensor& x) const;  // [T, C] -> [M, C]
};

}  // namespace tessera::nn
