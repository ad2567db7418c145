#pragma once
// Pictures among the tokens of a prompt.

#include <functional>
#include <span>
#include <vector>

#include "tessera/models/vision.h"

namespace tessera::models {

// `ids` with each placeholder replaced by its input's Expansion: the n-th image placeholder stands for the n-th image
// among `inputs`, videos likewise. Throws Error if there are more or fewer placeholders than inputs.
std::vector<int64_t> ExpandPlaceholders(std::span<const int64_t> ids, std::span<const VisionInput> inputs,
                                        const VisionProcessor& processor);
// The same with expansions that are known already: expansion(n) is that of inputs[n].
using ExpansionOf = std::function<std::vector<int64_t>(size_t input)>;
std::vector<int64_t> ExpandPlaceholders(std::span<const int64_t> ids, std::span<const VisionInput> inputs,
                                        const VisionProcessor& processor, const ExpansionOf& expansion);

// For families whose pictures are tokens of the vocabulary (early_fusion): `ids` with the run of placeholders that
// stands between a picture's two marks, one for each of its tokens, replaced by these tokens. Throws Error for a run of
// another length, and if there are more or fewer than inputs.
std::vector<int64_t> FillPlaceholders(std::span<const int64_t> ids, std::span<const VisionInput> inputs,
                                      const VisionProcessor& processor);

// Where the inputs stand in sequences whose placeholders are expanded; one list a sequence, ascending. Images and
// videos are taken in their order. Throws Error if placeholders and inputs do not match, saying which.
std::vector<std::vector<VisionPlace>> FindPlaces(std::span<const std::vector<int64_t>> sequences,
                                                 std::span<const VisionInput> inputs, const VisionProcessor& processor);

// x [T, C] with row rows[n] replaced by features[n] [N, C]; the other rows as they are. Differentiable in both.
Tensor PlaceFeatures(const Tensor& x, const Tensor& features, std::span<const int64_t> rows);

}  // namespace tessera::models
