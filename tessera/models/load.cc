#include "tessera/models/load.h"

#include <fmt/ranges.h>

#include "tessera/models/config_reader.h"
#include "tessera/models/deepseek.h"
#include "tessera/models/llama.h"
#include "tessera/models/qwen2.h"
#include "tessera/weights/checkpoint.h"

namespace tessera::models {
namespace {

struct Family {
  std::string_view model_type;
  std::unique_ptr<LanguageModel> (*load)(const ModelSource& source, const nn::LoadOptions& options);
};

constexpr Family kFamilies[] = {
    {"deepseek_v2", LoadDeepseek},
    {"deepseek_v3", LoadDeepseek},
    {"llama", LoadLlama},
    {"qwen2", LoadQwen2},
};

}  // namespace

std::vector<std::string> Families() {
  std::vector<std::string> names;
  for (const Family& family : kFamilies) names.emplace_back(family.model_type);
  return names;
}

std::unique_ptr<LanguageModel> LoadModel(const weights::Checkpoint& checkpoint, const LoadOptions& options) {
  return WithContext(checkpoint.path().string(), [&] {
    const std::string type = ConfigReader(checkpoint.config()).Text("model_type", "");
    Require(!type.empty(), "config.json is missing or says no \"model_type\"; it belongs beside the weights");
    const ModelSource source{.config = checkpoint.config(),
                             .generation_config = checkpoint.generation_config(),
                             .find = [&](const std::string& name) { return checkpoint.Find(name); }};
    for (const Family& family : kFamilies) {
      if (family.model_type == type) {
        auto model = family.load(source, options);
        checkpoint.RequireIntact();
        return model;
      }
    }
    Fail("models of type \"{}\" are not supported; supported are {}", type, fmt::join(Families(), ", "));
  });
}

}  // namespace tessera::models
