#pragma once
// What the linear layers of a model are fed when it reads a text.

#include <functional>
#include <map>
#include <span>
#include <string>

#include "tessera/models/language_model.h"
#include "tessera/weights/quantize_calibrated.h"

namespace tessera::models {

struct CalibrationOptions {
  int64_t window = 512;                                       // tokens a pass
  std::function<void(int64_t done, int64_t total)> progress;  // tokens read, after each window
};

// Σ x x' K/‖x‖² for each linear layer below the logits, by its weight's checkpoint name, over the inputs x [K] of all
// tokens: each counts alike. The model runs as in training, with
// its weights as variables; which input met which weight is read off the lineage of the result, so no model needs to
// know of it. Load it with {.weights = DType::kF32}. Throws Error for fewer than two tokens.
std::map<std::string, weights::InputGram> Calibrate(LanguageModel& model, std::span<const int64_t> tokens,
                                                    const CalibrationOptions& options = {});

}  // namespace tessera::models
