#pragma once
// From a checkpoint to a model: the config's model_type chooses the family.

#include <memory>
#include <string>
#include <vector>

#include "tessera/models/language_model.h"
#include "tessera/models/vision.h"
#include "tessera/nn/parameters.h"

namespace tessera::weights {
class Checkpoint;
}  // namespace tessera::weights

namespace tessera::models {

using nn::LoadOptions;

// Reads the model of a checkpoint; its weights stay mapped where the options leave them as stored.
// Throws Error for an unknown family (naming those it knows), for a config that lacks a key or contradicts itself, and
// for a missing or wrongly shaped tensor.
std::unique_ptr<LanguageModel> LoadModel(const weights::Checkpoint& checkpoint, const LoadOptions& options = {});

// How a checkpoint's model takes pictures, from its configs alone; null for models of text. Throws Error as LoadModel
// does.
std::unique_ptr<VisionProcessor> LoadVisionProcessor(const weights::Checkpoint& checkpoint);

// The model_types that LoadModel knows.
std::vector<std::string> Families();

}  // namespace tessera::models
