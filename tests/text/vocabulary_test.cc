#include "tessera/text/vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tessera/core/error.h"

namespace tessera::text {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(Vocabulary, FindsPiecesByIdAndBySpelling) {
  Vocabulary vocabulary;
  EXPECT_FALSE(vocabulary.Find("a").has_value());
  vocabulary.Add(3, "a");
  vocabulary.Add(0, "", PieceKind::kUnused);
  vocabulary.Add(7, std::string_view("a\0b", 3), PieceKind::kControl);
  EXPECT_EQ(vocabulary.size(), 8);
  EXPECT_EQ(vocabulary.Find("a"), 3);
  EXPECT_EQ(vocabulary.Find(""), 0);
  EXPECT_FALSE(vocabulary.Find("b").has_value());
  EXPECT_EQ(vocabulary.piece(3), "a");
  EXPECT_EQ(vocabulary.kind(0), PieceKind::kUnused);
  EXPECT_TRUE(vocabulary.Has(7));
  EXPECT_FALSE(vocabulary.Has(1));  // a gap
  EXPECT_FALSE(vocabulary.Has(8));
  EXPECT_FALSE(vocabulary.Has(-1));
}

TEST(Vocabulary, KeepsManyPiecesOfEveryLength) {
  const auto spelling = [](int32_t id) { return std::string(static_cast<size_t>(id % 40), 'x') + std::to_string(id); };
  for (const bool reserved : {false, true}) {
    Vocabulary vocabulary;
    if (reserved) vocabulary.Reserve(5000, 100'000);
    for (int32_t id = 4999; id >= 0; --id) vocabulary.Add(id, spelling(id));
    size_t bytes = 0;
    for (int32_t id = 0; id < 5000; ++id) {
      EXPECT_EQ(vocabulary.Find(spelling(id)), id);
      EXPECT_EQ(vocabulary.piece(id), spelling(id));
      bytes += spelling(id).size();
    }
    EXPECT_EQ(vocabulary.bytes(), bytes);
    EXPECT_FALSE(vocabulary.Find("5000").has_value());
  }
}

TEST(Vocabulary, SayingTheSameAgainChangesTheKindAlone) {
  Vocabulary vocabulary;
  vocabulary.Add(1, "<s>");
  vocabulary.Add(1, "<s>", PieceKind::kControl);
  EXPECT_EQ(vocabulary.kind(1), PieceKind::kControl);
  EXPECT_EQ(vocabulary.bytes(), 3u);
  vocabulary.SetKind(1, PieceKind::kNormal);
  EXPECT_EQ(vocabulary.kind(1), PieceKind::kNormal);
}

TEST(Vocabulary, OneMeaningForAnIdAndOneIdForAPiece) {
  Vocabulary vocabulary;
  vocabulary.Add(1, "one");
  EXPECT_THAT([&] { vocabulary.Add(2, "one"); }, ThrowsMessage<Error>(HasSubstr("\"one\" has the ids 1 and 2")));
  EXPECT_THAT([&] { vocabulary.Add(1, "two"); },
              ThrowsMessage<Error>(HasSubstr("id 1 means both \"one\" and \"two\"")));
  EXPECT_THAT([&] { vocabulary.Add(-1, "x"); }, ThrowsMessage<Error>(HasSubstr("outside")));
  EXPECT_THAT([&] { vocabulary.Add(kMaxVocabulary, "x"); }, ThrowsMessage<Error>(HasSubstr("outside")));
  EXPECT_THAT([&] { vocabulary.Add(2, std::string(kMaxPieceBytes + 1, 'x')); },
              ThrowsMessage<Error>(HasSubstr("4096")));
  EXPECT_EQ(vocabulary.size(), 2);  // a refused piece leaves nothing behind
}

}  // namespace
}  // namespace tessera::text
