#pragma once
// A VQ-GAN as Chameleon's release stores it: vqgan.yaml and the weights in vqgan.ckpt, or the same tensors in
// vqgan.safetensors, in the folder "tokenizer" of a checkpoint.

#include <filesystem>
#include <optional>
#include <variant>

#include "tessera/models/vqgan.h"
#include "tessera/weights/pytorch_file.h"
#include "tessera/weights/safetensors.h"

namespace tessera::models {

struct VqGanFiles {
  VqGanConfig config;
  std::variant<weights::SafetensorsFile, weights::PyTorchFile> weights;

  // folder/vqgan.yaml with folder/vqgan.safetensors or, where that is absent, folder/vqgan.ckpt; nothing where the
  // folder has neither. Throws Error that names the file if one is damaged, or if the weights are there without the
  // configuration.
  static std::optional<VqGanFiles> Find(const std::filesystem::path& folder);

  nn::Parameters::Find Finder() const;  // must not outlive this
};

}  // namespace tessera::models
