#include <gtest/gtest.h>

#include "golden_files.h"
#include "tessera/core/error.h"
#include "tessera/core/mapped_file.h"
#include "tessera/core/sha256.h"
#include "tessera/text/stream_decoder.h"
#include "tessera/text/tokenizer.h"

namespace tessera::text {
namespace {

using Ids = std::vector<int32_t>;

std::string Hex(std::string_view bytes) {
  std::string hex;
  for (const char byte : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return hex;
}

// SHA-256 over the ids as little-endian 32-bit numbers.
std::string Digest(const Ids& ids) {
  std::string bytes;
  for (const int32_t id : ids)
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(id >> shift & 0xFF));
  Sha256 sha;
  sha.Update(bytes);
  return sha.Finish();
}

// A vocabulary of the shared goldens: its folder, and the file to load there (empty: the folder itself).
struct Case {
  std::string folder, file;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.folder << '/' << c.file; }

class TokenizerGolden : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const auto goldens = SharedGoldens();
    if (goldens.empty()) GTEST_SKIP() << "the shared goldens are not here; set TESSERA_SHARED to their folder";
    folder_ = goldens / "tokenizers" / GetParam().folder;
    tokenizer_ = Tokenizer::Load(GetParam().file.empty() ? folder_ : folder_ / GetParam().file);
  }
  std::vector<Json> Rows(const char* name) const { return ReadJsonLines(folder_ / name); }

  std::filesystem::path folder_;
  std::unique_ptr<Tokenizer> tokenizer_;
};

TEST_P(TokenizerGolden, EncodesEveryTextToItsIds) {
  const auto rows = Rows("encode.jsonl");
  ASSERT_FALSE(rows.empty());
  for (const Json& row : rows) {
    const auto text = row["text"].get<std::string>();
    EXPECT_EQ(tokenizer_->Encode(text), row["ids"].get<Ids>()) << row["text"];
    if (row.contains("ids_plain")) {
      EXPECT_EQ(tokenizer_->Encode(text, {.special = SpecialTokens::kPlain}), row["ids_plain"].get<Ids>())
          << row["text"];
    }
  }
}

TEST_P(TokenizerGolden, DecodesEveryIdListToItsText) {
  for (const Json& row : Rows("encode.jsonl")) {
    const auto ids = row["ids"].get<Ids>();
    EXPECT_EQ(tokenizer_->Decode(ids), row.value("decoded", row["text"].get<std::string>())) << row["ids"];
    if (row.contains("decoded_skip_special")) {
      EXPECT_EQ(tokenizer_->Decode(ids, {.skip_special = true}), row["decoded_skip_special"].get<std::string>())
          << row["ids"];
    }
  }
  for (const Json& row : Rows("decode_bytes.jsonl")) {
    const auto ids = row["ids"].get<Ids>();
    EXPECT_EQ(Hex(tokenizer_->DecodeBytes(ids)), row["bytes_hex"].get<std::string>()) << row["ids"];
    if (GetParam().folder != "llama-spm") {
      EXPECT_EQ(tokenizer_->Decode(ids), row["text"].get<std::string>()) << row["ids"];
    }
  }
}

TEST_P(TokenizerGolden, StreamsEveryIdListInItsPieces) {
  const auto rows = Rows("stream.jsonl");
  ASSERT_FALSE(rows.empty());
  for (const Json& row : rows) {
    StreamDecoder decoder(*tokenizer_);
    std::vector<std::string> pieces;
    for (const int32_t id : row["ids"].get<Ids>()) pieces.push_back(decoder.Push(id));
    EXPECT_EQ(pieces, row["pieces"].get<std::vector<std::string>>()) << row["ids"];
    EXPECT_EQ(decoder.Flush(), row["tail"].get<std::string>()) << row["ids"];
  }
}

TEST_P(TokenizerGolden, EncodesLongTexts) {
  const auto rows = Rows("long.jsonl");
  ASSERT_FALSE(rows.empty());
  for (const Json& row : rows) {
    std::string text;
    for (int i = 0; i < row["count"].get<int>(); ++i) text += row["unit"].get<std::string>();
    const Ids ids = tokenizer_->Encode(text);
    ASSERT_EQ(ids.size(), row["n_ids"].get<size_t>()) << row["unit"];
    EXPECT_EQ(Ids(ids.begin(), ids.begin() + 8), row["head"].get<Ids>()) << row["unit"];
    EXPECT_EQ(Ids(ids.end() - 8, ids.end()), row["tail"].get<Ids>()) << row["unit"];
    EXPECT_EQ(Digest(ids), row["sha256_u32le"].get<std::string>()) << row["unit"];
    if (!row.contains("ids_rle")) continue;
    Ids expected;
    for (const Json& run : row["ids_rle"]) expected.insert(expected.end(), run[1].get<size_t>(), run[0].get<int32_t>());
    EXPECT_EQ(ids, expected) << row["unit"];
  }
}

TEST_P(TokenizerGolden, AgreesWithTheCasesRecordedByLlamaCpp) {
  for (const Json& row : Rows("llama_cpp_cases.jsonl"))
    EXPECT_EQ(tokenizer_->Encode(row["text"].get<std::string>()), row["ids"].get<Ids>()) << row["text"];
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, TokenizerGolden,
                         testing::Values(Case{"smollm2", ""}, Case{"qwen2", ""}, Case{"llama-spm", "tokenizer.json"},
                                         Case{"llama-spm", "tokenizer.model"}, Case{"llama-spm", "vocab.gguf"},
                                         Case{"kimi", ""}, Case{"kimi-synthetic", ""}));

// The small checkpoints' own tokenizers, which are in the repository.
class SmallTokenizerGolden : public testing::TestWithParam<std::string> {};

TEST_P(SmallTokenizerGolden, EncodesAndDecodesEveryRow) {
  const auto folder = std::filesystem::path(TESSERA_TEST_DATA) / GetParam();
  const auto tokenizer = Tokenizer::Load(folder);
  const Json golden = ParseJson(ReadFile(folder / "tokenizer_golden.json", 1 << 24), "tokenizer_golden.json");
  ASSERT_FALSE(golden["rows"].empty());
  for (const Json& row : golden["rows"]) {
    EXPECT_EQ(tokenizer->Encode(row["text"].get<std::string>()), row["ids"].get<Ids>()) << row["text"];
    EXPECT_EQ(tokenizer->Decode(row["ids"].get<Ids>()), row["decoded"].get<std::string>()) << row["ids"];
  }
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, SmallTokenizerGolden,
                         testing::Values("llama_smollm2_fp32", "qwen2_base_bf16", "qwen2vl_fp32", "kimi_vl_fp32",
                                         "chameleon_7b_style_fp32"));

}  // namespace
}  // namespace tessera::text
