#pragma once
// One pass over a rectangular batch, as other frameworks feed it: how models are compared, and how their gradients are
// looked at. Inside, padding does not exist: the rows that the mask keeps become ragged sequences, and results are
// spread over [B, T] again with zeros elsewhere.

#include <string>
#include <utility>
#include <vector>

#include "tessera/models/language_model.h"
#include "tessera/models/vision.h"

namespace tessera::models {

struct PaddedBatch {
  Tensor input_ids;       // i64 or i32 [B, T]
  Tensor attention_mask;  // [B, T] of any whole-number dtype or bool: 0 hides a row; undefined: every row counts
  Tensor position_ids;    // i64 or i32 [B, T], or [3, B, T] for models that see pictures; undefined: a row's number
                          // among the kept ones of its sequence, or what the encoder says where there are pictures
  Tensor labels;          // i64 or i32 [B, T]; undefined: no loss. The row at t is asked for labels[b, t + 1];
                          // -100 asks for nothing, and a hidden row is asked for nothing
  std::vector<VisionInput> vision;  // taken by the placeholders of all sequences in turn
};

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

// The ids of each sequence that the mask keeps. Throws Error as RunForward does.
std::vector<std::vector<int64_t>> Sequences(const PaddedBatch& batch, int64_t vocab);

// f32 results: "logits" [B, T, V]; "hidden.embed", "hidden.layerN" (the output of decoder layer N) and
// "hidden.final_norm" [B, T, C]; with pictures "vision.patch_embed", "vision.blockN" [P, C'] and "vision_embeds" [N,
// C], of all inputs end to end; with labels "loss" [1], the mean cross-entropy of the labels asked for. Throws Error
// that names the tensor for a wrong dtype or shape, a negative position, an id or label outside the vocabulary, or
// labels that ask for nothing.
NamedTensors RunForward(const LanguageModel& model, const PaddedBatch& batch);

// The same, and "grad.NAME" for every weight under the checkpoint's own name: d loss / d weight. Labels are needed, and
// a model loaded with f32 weights, not packed; the model's weights become variables.
NamedTensors RunGradient(LanguageModel& model, const PaddedBatch& batch);

}  // namespace tessera::models
