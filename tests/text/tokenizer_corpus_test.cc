// Replays the corpora of the tokenizer fuzzers.

#include <gtest/gtest.h>

#include <filesystem>

#include "fuzz/tokenizer_readers.h"
#include "tessera/core/mapped_file.h"

namespace tessera::fuzz {
namespace {

void Replay(const char* corpus, void (*read)(std::string_view)) {
  size_t files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(TESSERA_SOURCE_DIR) / "fuzz/corpus" / corpus)) {
    SCOPED_TRACE(entry.path().string());
    const std::string bytes = ReadFile(entry.path(), 1 << 20);
    EXPECT_NO_THROW(read(bytes));
    // Every truncation at a coarse step, too: files are cut short more often than they are forged.
    for (size_t size = 0; size < bytes.size(); size += bytes.size() / 16 + 1)
      EXPECT_NO_THROW(read(std::string_view(bytes).substr(0, size)));
    ++files;
  }
  EXPECT_GE(files, 3u);
}

TEST(TokenizerCorpus, EveryTokenizerJsonIsReadOrRefused) { Replay("tokenizer_json", ReadTokenizerJson); }
TEST(TokenizerCorpus, EverySentencePieceModelIsReadOrRefused) { Replay("sentencepiece", ReadSentencePiece); }
TEST(TokenizerCorpus, EveryTiktokenModelIsReadOrRefused) { Replay("tiktoken", ReadTiktoken); }

}  // namespace
}  // namespace tessera::fuzz
