#pragma once
// Replays the corpus of a fuzzer through the function that the fuzzer calls.

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <type_traits>

#include "tessera/core/mapped_file.h"

namespace tessera {

struct Replayed {
  int files = 0, valid = 0;  // valid: those for which `read` gave true, if it tells
};

// read(bytes) of every file below fuzz/corpus/NAME, whole and cut short at a coarse step, since files are cut short
// more often than they are forged. Nothing may be thrown.
template <typename Read>
Replayed ReplayCorpus(std::string_view name, Read read) {
  Replayed replayed;
  const auto folder = std::filesystem::path(TESSERA_SOURCE_DIR) / "fuzz/corpus" / name;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    SCOPED_TRACE(entry.path().string());
    const std::string bytes = ReadFile(entry.path(), 1 << 20);
    if constexpr (std::is_void_v<decltype(read(std::string_view(bytes)))>) {
      EXPECT_NO_THROW(read(std::string_view(bytes)));
    } else {
      EXPECT_NO_THROW(replayed.valid += read(std::string_view(bytes)) ? 1 : 0);
    }
    for (size_t size = 0; size < bytes.size(); size += bytes.size() / 16 + 1)
      EXPECT_NO_THROW(read(std::string_view(bytes).substr(0, size)));
    ++replayed.files;
  }
  return replayed;
}

}  // namespace tessera
