// Replays the corpora of the fuzzers of whole models, of JSON lines and of saved conversations.

#include <gtest/gtest.h>

#include <filesystem>

#include "fuzz/model_folder.h"
#include "fuzz/read_lines.h"
#include "tessera/core/mapped_file.h"

namespace tessera::fuzz {
namespace {

// Reads every file of the corpus, whole and cut short; the number that are valid.
int Replay(const char* corpus, bool (*read)(std::string_view)) {
  int valid = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(TESSERA_SOURCE_DIR) / "fuzz/corpus" / corpus)) {
    SCOPED_TRACE(entry.path().string());
    const std::string bytes = ReadFile(entry.path(), 1 << 20);
    EXPECT_NO_THROW(valid += read(bytes));
    for (size_t size = 0; size < bytes.size(); size += bytes.size() / 16 + 1)
      EXPECT_NO_THROW(read(std::string_view(bytes).substr(0, size)));
  }
  return valid;
}

TEST(FuzzReplay, ModelFolders) { EXPECT_GE(Replay("model_folder", ReadModelFolder), 4); }
TEST(FuzzReplay, GgufModels) { EXPECT_GE(Replay("gguf_model", ReadGgufModel), 5); }
TEST(FuzzReplay, JsonLines) { EXPECT_GE(Replay("json_lines", ReadJsonLines), 2); }
TEST(FuzzReplay, SavedChats) { EXPECT_GE(Replay("saved_chat", ReadConversation), 2); }

}  // namespace
}  // namespace tessera::fuzz
