#include "tessera/models/vqgan_files.h"

#include "tessera/core/error.h"
#include "tessera/core/mapped_file.h"
#include "tessera/weights/plain_yaml.h"

namespace tessera::models {

std::optional<VqGanFiles> VqGanFiles::Find(const std::filesystem::path& folder) {
  const std::filesystem::path tensors = folder / "vqgan.safetensors", yaml = folder / "vqgan.yaml";
  std::error_code ignored;
  if (!std::filesystem::exists(tensors, ignored)) return {};
  Require(std::filesystem::exists(yaml, ignored), "{}: vqgan.yaml is missing beside it; it says the network's sizes",
          tensors.string());
  const std::string text = ReadFile(yaml, 1 << 20);
  VqGanConfig config =
      WithContext(yaml.string(), [&] { return ReadVqGanYaml(weights::ParsePlainYaml(text, "vqgan.yaml")); });
  return VqGanFiles{.config = std::move(config), .weights = weights::SafetensorsFile::Open(tensors)};
}

nn::Parameters::Find VqGanFiles::Finder() const {
  return [this](const std::string& name) { return weights.Has(name) ? weights.Get(name) : Tensor(); };
}

}  // namespace tessera::models
