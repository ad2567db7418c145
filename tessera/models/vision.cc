#include "tessera/models/vision.h"

#include "tessera/core/error.h"

namespace tessera::models {

VisionInput VisionProcessor::PrepareVideo(std::span<const Tensor>, double) const {
  Fail("vision: this model takes pictures, but no videos");
}

}  // namespace tessera::models
