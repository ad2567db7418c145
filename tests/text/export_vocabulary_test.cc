#include "tessera/text/export_vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/mapped_file.h"
#include "tessera/text/tokenizer.h"
#include "tessera/text/tokenizer_parts.h"
#include "text/golden_files.h"
#include "weights/temporary_folder.h"

namespace tessera::text {
namespace {

namespace fs = std::filesystem;

// The tokenizer of a GGUF file that holds the directory's vocabulary.
std::unique_ptr<Tokenizer> ThroughGguf(const fs::path& directory, int64_t rows) {
  const TemporaryFolder folder;
  weights::GgufWriter writer(folder / "v.gguf");
  writer.Set("general.architecture", std::string("llama"));
  WriteGgufVocabulary(ExportVocabulary(directory), rows, writer);
  writer.Finish();
  return Tokenizer::Load(folder / "v.gguf");
}

void ExpectSame(const Tokenizer& original, const Tokenizer& exported, const std::string& text) {
  for (const SpecialTokens special : {SpecialTokens::kRecognize, SpecialTokens::kPlain}) {
    const auto ids = original.Encode(text, {.special = special, .add_special = true});
    ASSERT_EQ(exported.Encode(text, {.special = special, .add_special = true}), ids) << text;
    ASSERT_EQ(exported.DecodeBytes(ids), original.DecodeBytes(ids)) << text;
    ASSERT_EQ(exported.DecodeBytes(ids, {.skip_special = true}), original.DecodeBytes(ids, {.skip_special = true}));
  }
}

void ExpectSameProtocol(const Tokenizer& original, const Tokenizer& exported) {
  EXPECT_EQ(exported.bos(), original.bos());
  EXPECT_EQ(exported.eos(), original.eos());
  EXPECT_EQ(exported.pad(), original.pad());
  EXPECT_EQ(exported.unknown(), original.unknown());
  EXPECT_EQ(exported.prefix_ids(), original.prefix_ids());
  EXPECT_EQ(exported.suffix_ids(), original.suffix_ids());
  for (const int32_t id : original.stop_ids()) EXPECT_THAT(exported.stop_ids(), testing::Contains(id));
}

TEST(ExportVocabulary, ByteLevelVocabulariesEncodeAsBefore) {
  for (const char* name : {"llama_smollm2_fp32", "qwen2_base_bf16", "qwen2vl_fp32", "kimi_vl_fp32"}) {
    SCOPED_TRACE(name);
    const fs::path directory = fs::path(TESSERA_TEST_DATA) / name;
    const auto original = Tokenizer::Load(directory);
    const auto exported = ThroughGguf(directory, original->vocab_size() + 3);
    EXPECT_EQ(exported->vocab_size(), original->vocab_size() + 3);
    ExpectSameProtocol(*original, *exported);
    const fs::path strings = directory / "tokenizer_golden.json";
    const Json golden = ParseJson(ReadFile(strings, 1 << 24), strings.string());
    for (const Json& row : golden["rows"]) ExpectSame(*original, *exported, row["text"]);
  }
}

TEST(ExportVocabulary, SharedVocabulariesEncodeAsBefore) {
  const fs::path goldens = SharedGoldens();
  if (goldens.empty()) GTEST_SKIP() << "no shared goldens: set TESSERA_SHARED";
  for (const char* name : {"smollm2", "qwen2", "llama-spm", "kimi", "kimi-synthetic"}) {
    SCOPED_TRACE(name);
    const fs::path directory = goldens / "tokenizers" / name;
    const auto original = Tokenizer::Load(directory);
    const auto exported = ThroughGguf(directory, original->vocab_size());
    for (const Json& row : ReadJsonLines(directory / "encode.jsonl")) {
      const std::string text = row["text"];
      ASSERT_EQ(exported->Encode(text), original->Encode(text)) << text;
      ASSERT_EQ(exported->Encode(text), row["ids"].get<std::vector<int32_t>>()) << text;
    }
  }
}

TEST(ExportVocabulary, SentencePieceMergesBecomeScores) {
  const fs::path goldens = SharedGoldens();
  if (goldens.empty()) GTEST_SKIP() << "no shared goldens: set TESSERA_SHARED";
  const TemporaryFolder folder;  // without tokenizer.model
  fs::copy(goldens / "tokenizers/llama-spm/tokenizer.json", folder / "tokenizer.json");
  const GgufVocabulary vocabulary = ExportVocabulary(folder.path());
  EXPECT_EQ(vocabulary.model, "llama");
  EXPECT_EQ(vocabulary.add_space_prefix, true);
  const auto exported = ThroughGguf(folder.path(), std::ssize(vocabulary.tokens));
  for (const Json& row : ReadJsonLines(goldens / "tokenizers/llama-spm/encode.jsonl"))
    ASSERT_EQ(exported->Encode(row["text"].get<std::string>()), row["ids"].get<std::vector<int32_t>>()) << row["text"];
}

TEST(ExportVocabulary, FindsTheChatTemplateWhereverItIs) {
  const TemporaryFolder folder;
  EXPECT_EQ(ChatTemplateOf(folder.path()), "");
  std::ofstream(folder / "tokenizer_config.json")
      << R"({"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]})";
  EXPECT_EQ(ChatTemplateOf(folder.path()), "d");
  std::ofstream(folder / "tokenizer_config.json") << R"({"chat_template": "c"})";
  EXPECT_EQ(ChatTemplateOf(folder.path()), "c");
  std::ofstream(folder / "chat_template.json") << R"({"chat_template": "j"})";
  EXPECT_EQ(ChatTemplateOf(folder.path()), "j");
  std::ofstream(folder / "chat_template.jinja") << "x";
  EXPECT_EQ(ChatTemplateOf(folder.path()), "x");
}

TEST(ExportVocabulary, RefusesAPreTokenizerWithoutAName) {
  const TemporaryFolder folder;
  std::ofstream(folder / "tokenizer.json") << R"({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []},
      "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": "x+"}, "behavior": "Isolated", "invert": false},
        {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}]}})";
  try {
    ExportVocabulary(folder.path());
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("x+"));
  }
}

TEST(ExportVocabulary, RefusesMorePiecesThanRows) {
  EXPECT_FALSE(HasVocabulary(fs::path(TESSERA_TEST_DATA) / "quant"));
  EXPECT_TRUE(HasVocabulary(fs::path(TESSERA_TEST_DATA) / "llama_smollm2_fp32"));
  EXPECT_THROW(ThroughGguf(fs::path(TESSERA_TEST_DATA) / "llama_smollm2_fp32", 10), Error);
}

}  // namespace
}  // namespace tessera::text
