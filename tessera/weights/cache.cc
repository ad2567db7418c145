#include "tessera/weights/cache.h"

#include <cstdlib>

#include "tessera/core/error.h"

namespace tessera::weights {
namespace {

// An absolute path. An empty variable counts as unset, as the XDG rules say.
std::filesystem::path Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? std::filesystem::path() : std::filesystem::absolute(value);
}

}  // namespace

std::filesystem::path TesseraCache() {
  if (const auto path = Variable("TESSERA_CACHE"); !path.empty()) return path;
  if (const auto path = Variable("XDG_CACHE_HOME"); !path.empty()) return path / "tessera";
  const auto home = Variable("HOME");
  Require(!home.empty(), "cache: set TESSERA_CACHE to a folder for models (HOME is not set)");
  return home / ".cache" / "tessera";
}

std::filesystem::path HuggingFaceCache() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"})
    if (const auto path = Variable(name); !path.empty()) return path;
  if (const auto path = Variable("HF_HOME"); !path.empty()) return path / "hub";
  if (const auto path = Variable("XDG_CACHE_HOME"); !path.empty()) return path / "huggingface" / "hub";
  const auto home = Variable("HOME");
  return home.empty() ? home : home / ".cache" / "huggingface" / "hub";
}

}  // namespace tessera::weights
