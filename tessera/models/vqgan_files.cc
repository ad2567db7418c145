#include "tessera/models/vqgan_files.h"

#include "tessera/core/error.h"
#include "tessera/core/mapped_file.h"
#include "tessera/weights/plain_yaml.h"

namespace tessera::models {

std::optional<VqGanFiles> VqGanFiles::Find(const std::filesystem::path& folder) {
  const std::filesystem::path tensors = folder / "vqgan.safetensors", released = folder / "vqgan.ckpt",
                              yaml = folder / "vqgan.yaml";
  std::error_code ignored;
  const bool safe = std::filesystem::exists(tensors, ignored);
  if (!safe && !std::filesystem::exists(released, ignored)) return {};
  const std::filesystem::path& file = safe ? tensors : released;
  Require(std::filesystem::exists(yaml, ignored), "{}: vqgan.yaml is missing beside it; it says the network's sizes",
          file.string());
  const std::string text = ReadFile(yaml, 1 << 20);
  VqGanConfig config =
      WithContext(yaml.string(), [&] { return ReadVqGanYaml(weights::ParsePlainYaml(text, "vqgan.yaml")); });
  if (safe) return VqGanFiles{.config = std::move(config), .weights = weights::SafetensorsFile::Open(file)};
  return VqGanFiles{.config = std::move(config), .weights = weights::PyTorchFile::Open(file)};
}

nn::Parameters::Find VqGanFiles::Finder() const {
  return [this](const std::string& name) {
    return std::visit([&](const auto& file) { return file.Has(name) ? file.Get(name) : Tensor(); }, weights);
  };
}

}  // namespace tessera::models
