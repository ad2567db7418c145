// Damages small vocabularies, configs and chat templates in a few bytes, or cuts them, and uses what still reads. Each
// must work or give an Error, and may not ask for much memory. TESSERA_MUTATIONS sets how many are tried altogether.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "fuzz/read_config.h"
#include "fuzz/render_template.h"
#include "fuzz/tokenizer_readers.h"
#include "tessera/core/mapped_file.h"
#include "tessera/core/random.h"
#include "tests/mutate/allocation_meter.h"

namespace tessera::fuzz {
namespace {

constexpr int64_t kAllowedBytes = 16 << 20;

// Writes what a text is made of over, into or out of a few places.
std::string Damaged(std::string bytes, Random& random) {
  constexpr std::string_view kParts[] = {
      "\"", "{", "}",  "[",    "]",    ",",    ":",  "0", "-1", "9223372036854775807",
      "1e", "%", "\\", "true", "null", "\xFF", "{{", "%}"};
  if (random.Below(8) == 0) bytes.resize(random.Below(bytes.size()));
  const uint64_t changes = 1 + random.Below(3);
  for (uint64_t i = 0; i < changes && !bytes.empty(); ++i) {
    const size_t at = random.Below(bytes.size());
    switch (random.Below(4)) {
      case 0:
        bytes.erase(at, 1 + random.Below(8));
        break;
      case 1:
        bytes.insert(at, kParts[random.Below(std::size(kParts))]);
        break;
      case 2:
        bytes.insert(at, bytes.substr(random.Below(bytes.size()), random.Below(64)));
        break;
      default:
        bytes[at] = static_cast<char>(random.Next());
    }
  }
  return bytes;
}

// Damages the files of a corpus in turn, so many times altogether as one share of five is.
template <typename Use>
void Campaign(const char* corpus, int64_t allowed, const Use& use) {
  const char* wanted = std::getenv("TESSERA_MUTATIONS");
  const int64_t count = (wanted == nullptr ? 1000 : std::atoll(wanted)) / 5;
  std::vector<std::string> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(TESSERA_SOURCE_DIR) / "fuzz/corpus" / corpus))
    files.push_back(ReadFile(entry.path(), 1 << 20));
  ASSERT_FALSE(files.empty());
  use(files[0]);  // tables that are made once are not what a file asks for
  Random random(7);
  for (int64_t i = 0; i < count; ++i) {
    const std::string bytes = Damaged(files[static_cast<size_t>(i) % files.size()], random);
    StartMeasuring();
    EXPECT_NO_THROW(use(bytes)) << corpus << ", number " << i;
    EXPECT_LT(PeakBytes(), allowed) << corpus << ", number " << i;
  }
}

TEST(MutateText, TokenizerJson) { Campaign("tokenizer_json", kAllowedBytes, ReadTokenizerJson); }
TEST(MutateText, SentencePieceModels) { Campaign("sentencepiece", kAllowedBytes, ReadSentencePiece); }
TEST(MutateText, TiktokenModels) { Campaign("tiktoken", kAllowedBytes, ReadTiktoken); }
TEST(MutateText, Configs) { Campaign("config", kAllowedBytes, ReadConfig); }
// A template is a program: it may take what its own limit allows.
TEST(MutateText, ChatTemplates) {
  Campaign("jinja", kAllowedBytes + 2 * static_cast<int64_t>(FuzzTemplateLimits().memory_bytes), RenderTemplate);
}

}  // namespace
}  // namespace tessera::fuzz
