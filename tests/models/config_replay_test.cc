// The corpus of the config fuzzer, through the same function.

#include <gtest/gtest.h>

#include <filesystem>

#include "fuzz/read_config.h"
#include "tessera/core/mapped_file.h"

namespace tessera {
namespace {

TEST(FuzzReplay, Config) {
  int count = 0, valid = 0;
  for (const auto& entry : std::filesystem::directory_iterator(TESSERA_SOURCE_DIR "/fuzz/corpus/config")) {
    SCOPED_TRACE(entry.path());
    valid += fuzz::ReadConfig(ReadFile(entry.path(), 1 << 20));
    ++count;
  }
  EXPECT_GT(count, 5);
  EXPECT_GT(valid, 2);
}

}  // namespace
}  // namespace tessera
