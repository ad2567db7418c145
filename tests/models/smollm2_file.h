#pragma once
// The real model that tests use: the catalogue's smollm2, from Tessera's cache.

#include <string>

#include "tessera/weights/catalogue.h"

namespace tessera::models {

// Why the file is not there and how to get it; empty if it is there.
inline std::string WhySmolLm2IsAbsent() {
  const weights::CatalogueEntry* entry = weights::FindInCatalogue("smollm2");
  if (entry == nullptr) return "the catalogue has no smollm2";
  if (weights::IsPulled(*entry)) return "";
  return weights::CataloguePath(*entry).string() +
         " is absent. `make test` pulls it first; by hand: build/release/bin/tessera pull smollm2";
}

inline std::string SmolLm2Path() { return weights::CataloguePath(*weights::FindInCatalogue("smollm2")).string(); }

}  // namespace tessera::models
