// The fuzzers' corpora, through the same functions.

#include <gtest/gtest.h>

#include <filesystem>

#include "fuzz/read_model.h"

namespace tessera {
namespace {

template <typename Body>
int ForEachInput(const std::string& name, Body&& body) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(TESSERA_SOURCE_DIR "/fuzz/corpus/" + name)) {
    SCOPED_TRACE(entry.path());
    body(ReadFile(entry.path(), 1 << 20), entry.path().filename().string());
    ++count;
  }
  return count;
}

// Seeds are valid files; what a fuzzer found is named by its digest and may be anything.
bool IsSeed(const std::string& name) { return name.size() != 40; }

TEST(FuzzReplay, Gguf) {
  const int count = ForEachInput("gguf", [](const std::string& bytes, const std::string& name) {
    const bool valid = fuzz::ReadGguf(bytes);
    EXPECT_TRUE(valid || !IsSeed(name)) << name;
  });
  EXPECT_GT(count, 30);
}

TEST(FuzzReplay, Safetensors) {
  const int count = ForEachInput("safetensors", [](const std::string& bytes, const std::string& name) {
    const bool valid = fuzz::ReadSafetensors(bytes);
    EXPECT_TRUE(valid || !IsSeed(name)) << name;
  });
  EXPECT_GT(count, 10);
}

TEST(FuzzReplay, PyTorch) {
  const int count = ForEachInput("pytorch", [](const std::string& bytes, const std::string& name) {
    const bool valid = fuzz::ReadPyTorch(bytes);
    EXPECT_TRUE(valid || !IsSeed(name)) << name;
  });
  EXPECT_GT(count, 2);
}

}  // namespace
}  // namespace tessera
