#pragma once
// Where the tokenizer goldens lie: some beside the repository (their vocabularies are other people's), some in it.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tessera/core/json.h"

namespace tessera::text {

// The folder of shared goldens: $TESSERA_SHARED, else ../shared beside the repository. Empty if absent.
inline std::filesystem::path SharedGoldens() {
  const char* named = std::getenv("TESSERA_SHARED");
  const std::filesystem::path root = named ? named : std::filesystem::path(TESSERA_SOURCE_DIR) / ".." / "shared";
  const auto goldens = root / "goldens";
  return std::filesystem::is_directory(goldens / "tokenizers") ? goldens : std::filesystem::path();
}

inline std::vector<Json> ReadJsonLines(const std::filesystem::path& path) {
  std::vector<Json> rows;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (!line.empty()) rows.push_back(ParseJson(line, path.string()));
  return rows;
}

}  // namespace tessera::text
