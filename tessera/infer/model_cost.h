#pragma once
// What a token costs at least: bytes that must come from memory and operations that must be done.
//
//   a pass over R rows, M of them with logits, whose sequences have P positions in the cache together:
//     bytes       WeightBytes(R) + logits_bytes + P · cache_bytes      each weight is read once for all rows
//     operations  R · row_operations + M · logits_operations           a multiply and an add count as two
//
// Of a mixture of E experts, K of which work for a row, R rows read E (1 - (1 - K/E)^R) on average if the router is
// balanced and the rows are independent (math/numeric/coverage.h). Rows that are alike choose alike and read fewer.
// Weights count in the format of the file (4.5 bits a weight for q4_0), whatever copies the kernels keep; activations,
// which stay in caches, the embedding's single rows, and attention's operations count nothing. So a share of a limit
// that is computed from these is a lower bound where there are no experts.

#include <cstdint>

#include "tessera/kernels/machine_probe.h"
#include "tessera/models/language_model.h"

namespace tessera::infer {

struct ModelCost {
  int64_t weight_bytes = 0;                          // of all layers but their experts
  int64_t expert_bytes = 0;                          // of all experts of all layers
  int64_t experts = 0, chosen = 0;                   // E and K; 0: no experts
  int64_t row_operations = 0;                        // 2 · values of the layers' matrices that work for any row
  int64_t logits_bytes = 0;                          // of the output layer, which tied models share with the embedding
  int64_t logits_operations = 0;                     // 2 · V · C, and 2 · values of the last layer's matrices except
                                                     // for keys and values: what rows with logits need besides
  int64_t cache_bytes = 0;                           // of one position in all layers
  kernels::PeakKind kind = kernels::PeakKind::kF32;  // the arithmetic that most of the weights take

  double ExpertsRead(int64_t rows) const;  // of a layer, on average
  double WeightBytes(int64_t rows) const;  // weight_bytes and the experts that so many rows read
};

// `model` is not changed. `cache_dtype`: how keys and values are kept.
ModelCost CostOf(models::LanguageModel& model, DType cache_dtype);

}  // namespace tessera::infer
