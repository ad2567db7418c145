#pragma once
// What the fuzzer of picture files does with an input; a test replays the corpus through the same function.

#include <stdexcept>
#include <string_view>

#include "tessera/core/error.h"
#include "tessera/image/decode.h"
#include "tessera/image/encode.h"

namespace tessera::fuzz {

// True if the bytes are a picture; every other outcome than that and an Error is a bug. The limits are small, so that a
// fuzzer spends its time on parsing.
inline bool ReadImage(std::string_view bytes) {
  try {
    const Tensor picture = image::DecodeImage(bytes, {.max_pixels = 1 << 18});
    const auto size = image::SizeOf(picture, "fuzz");
    if (image::ReadImageInfo(bytes).size != size) throw std::logic_error("the header says another size");
    if (picture.numel() <= 1 << 12 && image::SizeOf(image::DecodeImage(image::EncodePng(picture)), "fuzz") != size)
      throw std::logic_error("a picture that was written has another size");
    image::OnWhite(picture);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace tessera::fuzz
