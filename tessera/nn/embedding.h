#pragma once
// The table from ids to vectors.

#include "tessera/nn/parameters.h"
#include "tessera/ops/elementwise.h"
#include "tessera/ops/embedding.h"

namespace tessera::nn {

// Row id of "weight" [V, C], in the dtype of the activations.
class Embedding {
 public:
  Embedding(const Scope& s, int64_t vocab, int64_t width)
      : weight_(s.Table("weight", {vocab, width})), activations_(s.options().activations) {}
  Tensor operator()(const Tensor& ids) const {  // i64 [T] -> [T, C]
    return ops::Cast(ops::Embedding(*weight_, ids), activations_);
  }

 private:
  Parameter weight_;
  DType activations_;
};

}  // namespace tessera::nn
