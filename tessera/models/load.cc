#include "tessera/models/load.h"

#include <fmt/ranges.h>

#include "tessera/models/chameleon.h"
#include "tessera/models/config_reader.h"
#include "tessera/models/deepseek.h"
#include "tessera/models/kimi_vl.h"
#include "tessera/models/llama.h"
#include "tessera/models/qwen2.h"
#include "tessera/models/qwen2_5_vl.h"
#include "tessera/models/qwen2_vl.h"
#include "tessera/weights/checkpoint.h"

namespace tessera::models {
namespace {

struct Family {
  std::string_view model_type;
  std::unique_ptr<LanguageModel> (*load)(const ModelSource& source, const nn::LoadOptions& options);
  std::unique_ptr<VisionProcessor> (*pictures)(const ModelSource& source) = nullptr;  // null: it sees none
  bool on_gpu = false;  // whether a GPU knows all its operators
};

constexpr Family kFamilies[] = {
    {"anole", LoadChameleon, ChameleonPictures},
    {"chameleon", LoadChameleon, ChameleonPictures},
    {"deepseek_v2", LoadDeepseek},
    {"deepseek_v3", LoadDeepseek},
    {"kimi_vl", LoadKimiVl, KimiVlPictures},
    {"llama", LoadLlama, nullptr, true},
    {"qwen2", LoadQwen2, nullptr, true},
    {"qwen2_vl", LoadQwen2Vl, Qwen2VlPictures, true},
    {"qwen2_5_vl", LoadQwen2_5Vl, Qwen2_5VlPictures, true},
};

ModelSource SourceOf(const weights::Checkpoint& checkpoint) {
  return {.config = checkpoint.config(),
          .generation_config = checkpoint.generation_config(),
          .find = [&](const std::string& name) { return checkpoint.Find(name); },
          .preprocessor_config = checkpoint.preprocessor_config(),
          .folder = checkpoint.directory()};
}

const Family& FamilyOf(const weights::Checkpoint& checkpoint) {
  const std::string type = ConfigReader(checkpoint.config()).Text("model_type", "");
  Require(!type.empty(), "config.json is missing or says no \"model_type\"; it belongs beside the weights");
  for (const Family& family : kFamilies)
    if (family.model_type == type) return family;
  Fail("models of type \"{}\" are not supported; supported are {}", type, fmt::join(Families(), ", "));
}

}  // namespace

std::vector<std::string> Families() {
  std::vector<std::string> names;
  for (const Family& family : kFamilies) names.emplace_back(family.model_type);
  return names;
}

std::unique_ptr<LanguageModel> LoadModel(const weights::Checkpoint& checkpoint, const LoadOptions& options) {
  return WithContext(checkpoint.path().string(), [&] {
    const Family& family = FamilyOf(checkpoint);
    Require(options.device == Device::kCpu || family.on_gpu,
            "models of type \"{}\" do not run on a GPU yet; llama, qwen2, qwen2_vl and qwen2_5_vl do",
            family.model_type);
    auto model = family.load(SourceOf(checkpoint), options);
    checkpoint.RequireIntact();
    return model;
  });
}

std::unique_ptr<VisionProcessor> LoadVisionProcessor(const weights::Checkpoint& checkpoint) {
  return WithContext(checkpoint.path().string(), [&]() -> std::unique_ptr<VisionProcessor> {
    const Family& family = FamilyOf(checkpoint);
    return family.pictures != nullptr ? family.pictures(SourceOf(checkpoint)) : nullptr;
  });
}

}  // namespace tessera::models
