#include "tessera/cli/cache_type.h"

#include "tessera/kernels/kv_pages.h"

namespace tessera::cli {

void AddCacheType(CLI::App& command, std::string& name) {
  command
      .add_option("--cache-type", name,
                  "How keys and values are kept: f32, bf16, f16 or q8_0; auto: bf16 where the processor multiplies\n"
                  "pairs of it, else f16")
      ->check(CLI::IsMember({kAutomaticCacheType, "f32", "bf16", "f16", "q8_0"}))
      ->capture_default_str();
}

DType CacheDType(const std::string& name, Device device) {
  if (name != kAutomaticCacheType) return DTypeFromName(name);
  return device == Device::kCuda ? DType::kBF16 : kernels::FastKvDType();
}

}  // namespace tessera::cli
