#include "tessera/infer/guidance.h"

#include <algorithm>
#include <unordered_set>

#include "tessera/core/error.h"

namespace tessera::infer {

Guidance GuidanceFor(std::span<const int32_t> prompt, const models::PictureVocabulary& vocabulary) {
  Require(!prompt.empty() && prompt.back() == vocabulary.begin,
          "guidance: the prompt must end in token {}, which begins a picture", vocabulary.begin);
  std::unordered_set<int32_t> kept(vocabulary.image.begin(), vocabulary.image.end());
  kept.insert({vocabulary.bos, vocabulary.begin, vocabulary.end});
  Guidance guidance{.nothing = {vocabulary.bos, vocabulary.begin}};
  std::ranges::copy_if(prompt, std::back_inserter(guidance.pictures), [&](int32_t id) { return kept.contains(id); });
  return guidance;
}

std::vector<float> Guided(std::span<const float> f, std::span<const float> i, std::span<const float> u,
                          const Guidance& guidance) {
  Require(f.size() == i.size() && f.size() == u.size(), "guidance: {}, {} and {} logits", f.size(), i.size(), u.size());
  std::vector<float> z(f.size());
  for (size_t n = 0; n < z.size(); ++n) z[n] = u[n] + guidance.image * (i[n] - u[n]) + guidance.text * (f[n] - i[n]);
  return z;
}

}  // namespace tessera::infer
