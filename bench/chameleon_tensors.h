#pragma once
// What a Chameleon has beside a Llama's tensors: norms of queries and keys, and the VQ-GAN that reads and draws.

#include <vector>

#include "bench/model_tensors.h"

namespace tessera::bench {

// Appends them, under the names of checkpoints ("model.…"), for a config with "vq_config".
void AddChameleonTensors(const Json& config, std::vector<ModelTensor>& tensors);

// The config with a "vocabulary_map" and image codes from id 4 on, as the released model has them. The vocabulary's
// other pieces are given by `pieces`, id by id.
Json WithVocabularyMap(Json config, const std::vector<std::string>& pieces);

// The name of an image code's token: IMGIMG, its number with A … J for digits, Z.
std::string ImageTokenName(int64_t code);

}  // namespace tessera::bench
