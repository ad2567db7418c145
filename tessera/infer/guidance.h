#pragma once
// Classifier-free guidance of pictures (Ho & Salimans 2022) as Chameleon draws them: the model reads three contexts,
// and what sets the fuller one apart from the emptier is enlarged.
//
//   z = u + g_image (i - u) + g_text (f - i)
//
//   f   the prompt                                 <s> Draw a cat like <begin> … <end> . <begin>
//   i   its pictures alone                         <s> <begin> … <end> <begin>
//   u   nothing                                    <s> <begin>

#include <cstdint>
#include <span>
#include <vector>

#include "tessera/models/picture_tokens.h"

namespace tessera::infer {

struct Guidance {
  std::vector<int32_t> pictures;    // the prompt of i
  std::vector<int32_t> nothing;     // the prompt of u
  float text = 3.0f, image = 1.2f;  // g_text, g_image; the released weights
};

// The contexts beside a prompt, which must end in the token that begins a picture. Throws Error otherwise.
Guidance GuidanceFor(std::span<const int32_t> prompt, const models::PictureVocabulary& vocabulary);

// z [V] of the logits [V] of the three contexts; in f32, in the order of the formula.
std::vector<float> Guided(std::span<const float> f, std::span<const float> i, std::span<const float> u,
                          const Guidance& guidance);

}  // namespace tessera::infer
