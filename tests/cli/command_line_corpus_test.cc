// Replays the corpus of the command line's fuzzer.

#include <gtest/gtest.h>

#include <filesystem>

#include "fuzz/parse_arguments.h"
#include "tessera/core/mapped_file.h"

namespace tessera::fuzz {
namespace {

TEST(CommandLineCorpus, EveryLineOfArgumentsIsParsedOrRefused) {
  size_t files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(TESSERA_SOURCE_DIR) / "fuzz/corpus/command_line")) {
    SCOPED_TRACE(entry.path().string());
    EXPECT_NO_THROW(ParseArguments(ReadFile(entry.path(), 1 << 20)));
    ++files;
  }
  EXPECT_GE(files, 5u);
}

}  // namespace
}  // namespace tessera::fuzz
