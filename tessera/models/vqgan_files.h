#pragma once
// A VQ-GAN as Chameleon's release stores it: vqgan.yaml and the weights in vqgan.safetensors, in the folder "tokenizer"
// of a checkpoint.

#include <filesystem>
#include <optional>

#include "tessera/models/vqgan.h"
#include "tessera/weights/safetensors.h"

namespace tessera::models {

struct VqGanFiles {
  VqGanConfig config;
  weights::SafetensorsFile weights;

  // folder/vqgan.yaml and folder/vqgan.safetensors; nothing where the folder has no such weights. Throws Error that
  // names the file if one is damaged, or if the weights are there without the configuration.
  static std::optional<VqGanFiles> Find(const std::filesystem::path& folder);

  nn::Parameters::Find Finder() const;  // must not outlive this
};

}  // namespace tessera::models
