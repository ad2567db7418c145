// Vocabularies trained for these tests; their ids are what the library `sentencepiece` gives.

#include "tessera/text/sentencepiece.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "golden_files.h"
#include "tessera/core/error.h"
#include "tessera/core/mapped_file.h"
#include "tessera/text/tokenizer.h"

namespace tessera::text {
namespace {

using Ids = std::vector<int32_t>;

class TrainedSentencePiece : public testing::TestWithParam<std::string> {};

TEST_P(TrainedSentencePiece, GivesTheLibrarysIds) {
  const auto folder = std::filesystem::path(TESSERA_TEST_DATA) / "text";
  const auto tokenizer = Tokenizer::Load(folder / (GetParam() + ".model"));
  const auto rows = ReadJsonLines(folder / (GetParam() + ".jsonl"));
  ASSERT_GT(rows.size(), 50u);
  for (const Json& row : rows)
    EXPECT_EQ(tokenizer->Encode(row["text"].get<std::string>()), row["ids"].get<Ids>()) << row["text"];
}

INSTANTIATE_TEST_SUITE_P(Models, TrainedSentencePiece, testing::Values("unigram", "unigram_bytes", "bpe", "bpe_bytes"));

SentencePieceVocabulary Small() {
  SentencePieceVocabulary vocab;
  vocab.pieces = {{"<unk>", 0, PieceKind::kUnknown},
                  {"<s>", 0, PieceKind::kControl},
                  {"▁", -1},
                  {"a", -2},
                  {"▁a", -1.5},
                  {"aa", -0.5},
                  {"ab", -3}};
  vocab.unigram = false;
  vocab.remove_extra_whitespaces = false;
  vocab.bos = 1;
  vocab.unknown = 0;
  return vocab;
}

TEST(SentencePieceBpe, TheBestScoreMergesFirstAndTheLeftmostOfEquals) {
  const Tokenizer tokenizer(MakeSentencePiece(Small()));
  EXPECT_EQ(tokenizer.Encode("aaa"), (Ids{2, 5, 3}));  // aa before ▁a, and the left aa
}

TEST(SentencePieceBpe, ACharacterThatOnlyOccursInsideAPieceStillMerges) {
  const Tokenizer tokenizer(MakeSentencePiece(Small()));
  EXPECT_EQ(tokenizer.Encode("<s>ab"), (Ids{1, 4, 0}));  // ▁a wins, and b alone is unknown
  SentencePieceVocabulary vocab = Small();
  vocab.pieces[6].score = 0;
  EXPECT_EQ(Tokenizer(MakeSentencePiece(vocab)).Encode("ab"), (Ids{2, 6}));
}

TEST(SentencePieceBpe, ARunOfUnknownCharactersIsOneUnknown) {
  const Tokenizer tokenizer(MakeSentencePiece(Small()));
  EXPECT_EQ(tokenizer.Encode("axyza"), (Ids{4, 0, 3}));
}

TEST(SentencePieceModel, HostileVocabulariesAreRefusedWithAReason) {
  const auto message = [](const auto& change) {
    SentencePieceVocabulary vocab = Small();
    change(vocab);
    try {
      MakeSentencePiece(vocab);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(message([](auto& v) { v.pieces[3].spelling = "▁"; }), testing::HasSubstr("has the ids 2 and 3"));
  EXPECT_THAT(message([](auto& v) { v.pieces[3].score = std::numeric_limits<float>::quiet_NaN(); }),
              testing::HasSubstr("score"));
  EXPECT_THAT(message([](auto& v) { v.bos = 7; }), testing::HasSubstr("BOS"));
  EXPECT_THAT(message([](auto& v) { v.unknown = int64_t{1} << 40; }), testing::HasSubstr("unknown"));
  EXPECT_THAT(message([](auto& v) { v.charsmap = "abc"; }), testing::HasSubstr("charsmap"));
  EXPECT_THAT(message([](auto& v) { v.pieces[5].spelling.assign(100'000, 'a'); }), testing::HasSubstr("bytes"));
}

TEST(SentencePieceModel, EveryTruncationIsReadOrRefusedCleanly) {
  const std::string bytes = ReadFile(std::filesystem::path(TESSERA_TEST_DATA) / "text/bpe.model", 1 << 20);
  size_t refused = 0;
  for (size_t size = 0; size < bytes.size(); size += 7) {
    try {
      MakeSentencePiece(ParseSentencePieceModel(std::string_view(bytes).substr(0, size)));
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, bytes.size() / 7 / 2);
}

}  // namespace
}  // namespace tessera::text
