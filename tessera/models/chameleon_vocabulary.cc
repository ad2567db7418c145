#include "tessera/models/chameleon_vocabulary.h"

#include <algorithm>
#include <string_view>

#include "tessera/core/error.h"

namespace tessera::models {
namespace {

constexpr std::string_view kImagePrefix = "IMGIMG";

// The code that IMGIMG<letters>Z names, or -1 for another name.
int64_t CodeOf(std::string_view name) {
  if (!name.starts_with(kImagePrefix) || !name.ends_with('Z')) return -1;
  const std::string_view letters = name.substr(kImagePrefix.size(), name.size() - kImagePrefix.size() - 1);
  if (letters.empty() || letters.size() > 9) return -1;
  int64_t code = 0;
  for (const char letter : letters) {
    if (letter < 'A' || letter > 'J') return -1;
    code = 10 * code + (letter - 'A');
  }
  return code;
}

}  // namespace

PictureVocabulary ReadPictureVocabulary(const Json& vocabulary_map, int64_t vocab, const PictureCodes& codes) {
  Require(vocabulary_map.is_object() && !vocabulary_map.empty(),
          "config: \"vocabulary_map\" is missing; it says which tokens are image codes");
  Require(codes.codes <= std::ssize(vocabulary_map),  // before room is made for them
          "config: the VQ-GAN has {} codes, but \"vocabulary_map\" names {} tokens", codes.codes,
          vocabulary_map.size());
  PictureVocabulary result{.per_picture = codes.per_picture};
  result.image.assign(static_cast<size_t>(codes.codes), -1);
  for (const auto& [name, id] : vocabulary_map.items()) {
    Require(id.is_number_integer() && id >= 0 && id < vocab,
            "config: \"vocabulary_map\" gives \"{}\" an id that is not one of 0 to {}", name, vocab - 1);
    const auto token = id.get<int32_t>();
    const int64_t code = CodeOf(name);
    if (code >= 0) {
      Require(code < codes.codes, "config: \"vocabulary_map\" names image code {}, but the VQ-GAN has {} codes", code,
              codes.codes);
      int32_t& place = result.image[static_cast<size_t>(code)];
      Require(place < 0, "config: \"vocabulary_map\" names image code {} twice", code);
      place = token;
    } else if (!name.starts_with(kImagePrefix) && (!name.starts_with('<') || name == "<")) {
      result.text.push_back(token);
    }
  }
  std::ranges::sort(result.text);
  const auto missing = std::ranges::find(result.image, -1);
  Require(missing == result.image.end(), "config: \"vocabulary_map\" has no token for image code {}",
          missing - result.image.begin());
  const auto named = [&](const char* name) {
    Require(vocabulary_map.contains(name), "config: \"vocabulary_map\" has no token {}", name);
    return vocabulary_map[name].get<int32_t>();
  };
  result.bos = named("<s>");
  result.eos = named("</s>");
  result.begin = named("<racm3:break>");
  result.end = named("<eoss>");
  return result;
}

}  // namespace tessera::models
