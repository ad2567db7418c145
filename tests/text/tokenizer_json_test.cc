#include "tessera/text/tokenizer_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/json.h"
#include "tessera/text/side_files.h"
#include "tessera/text/tokenizer.h"

namespace tessera::text {
namespace {

using testing::HasSubstr;
using Ids = std::vector<int32_t>;

// Letters a to d, a space and some merges; `change` edits the document before it is read.
Json Document() {
  return Json::parse(R"({
    "added_tokens": [{"id": 20, "content": "<s>", "special": true, "normalized": false}],
    "normalizer": null, "pre_tokenizer": null, "decoder": null,
    "model": {"type": "BPE", "unk_token": null, "merges": ["a b", "ab c", ["c", "d"]],
              "vocab": {"a": 0, "b": 1, "c": 2, "d": 3, " ": 4, "ab": 5, "abc": 6, "cd": 7}}})");
}

Tokenizer Read(const Json& document) { return Tokenizer(ParseTokenizerJson(document.dump(), "test.json")); }

template <typename Change>
std::string Refusal(Change&& change) {
  Json document = Document();
  change(document);
  try {
    Read(document);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(TokenizerJson, MergesGoByRankAndBothSpellingsOfAMergeAreRead) {
  const Tokenizer tokenizer = Read(Document());
  EXPECT_EQ(tokenizer.Encode("abcd"), (Ids{6, 3}));
  EXPECT_EQ(tokenizer.Encode("cd ab"), (Ids{7, 4, 5}));
}

TEST(TokenizerJson, UnknownCharactersVanishWithoutAnUnknownToken) {
  EXPECT_EQ(Read(Document()).Encode("axb"), (Ids{5}));
  Json document = Document();
  document["model"]["unk_token"] = "d";
  EXPECT_EQ(Read(document).Encode("axyb"), (Ids{0, 3, 3, 1}));
  document["model"]["fuse_unk"] = true;
  EXPECT_EQ(Read(document).Encode("axyb"), (Ids{0, 3, 1}));
}

TEST(TokenizerJson, IgnoreMergesTakesAWholeWordThatIsAToken) {
  Json document = Document();
  document["model"]["merges"] = Json::array();
  EXPECT_EQ(Read(document).Encode("abc"), (Ids{0, 1, 2}));
  document["model"]["ignore_merges"] = true;
  EXPECT_EQ(Read(document).Encode("abc"), (Ids{6}));
}

TEST(AddedTokens, SpecialOnesAreTextOnRequestAndOthersNever) {
  Json document = Document();
  document["added_tokens"].push_back({{"id", 21}, {"content", "dd"}, {"special", false}, {"normalized", false}});
  const Tokenizer tokenizer = Read(document);
  EXPECT_EQ(tokenizer.Encode("a<s>dd"), (Ids{0, 20, 21}));
  EXPECT_EQ(tokenizer.Encode("a<s>dd", {.special = SpecialTokens::kPlain}), (Ids{0, 21}));
  EXPECT_TRUE(tokenizer.IsSpecial(20) && !tokenizer.IsSpecial(21));
  EXPECT_EQ(tokenizer.Decode(Ids{0, 20, 21}, {.skip_special = true}), "add");
}

TEST(AddedTokens, FlagsTakeSpacesAndAskForWholeWords) {
  Json document = Document();
  Json& token = document["added_tokens"][0];
  EXPECT_EQ(Read(document).Encode("a <s> b"), (Ids{0, 4, 20, 4, 1}));
  token["lstrip"] = true;
  EXPECT_EQ(Read(document).Encode("a <s> b"), (Ids{0, 20, 4, 1}));
  token["rstrip"] = true;
  EXPECT_EQ(Read(document).Encode("a \t<s> \n b"), (Ids{0, 20, 1}));
  token = {{"id", 20}, {"content", "cc"}, {"single_word", true}, {"normalized", false}, {"special", true}};
  EXPECT_EQ(Read(document).Encode("cc acc cc"), (Ids{20, 4, 0, 2, 2, 4, 20}));
}

TEST(AddedTokens, NormalizedOnesAreLookedForInTheNormalizedText) {
  Json document = Document();
  document["normalizer"] = {{"type", "Lowercase"}};
  document["added_tokens"][0] = {{"id", 20}, {"content", "DD"}, {"normalized", true}, {"special", true}};
  EXPECT_EQ(Read(document).Encode("aDdb"), (Ids{0, 20, 1}));
  document["added_tokens"][0]["normalized"] = false;
  EXPECT_EQ(Read(document).Encode("aDdDD"), (Ids{0, 3, 3, 20}));
}

TEST(AddedTokens, TheLongestOfTwoWins) {
  Json document = Document();
  document["added_tokens"].push_back({{"id", 21}, {"content", "<s>>"}, {"special", true}, {"normalized", false}});
  EXPECT_EQ(Read(document).Encode("<s>><s>"), (Ids{21, 20}));
}

TEST(TokenizerJson, TheTemplateAddsItsTokens) {
  Json document = Document();
  document["post_processor"] = Json::parse(R"({"type": "Sequence", "processors": [{"type": "ByteLevel"},
      {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}},
       {"SpecialToken": {"id": "<s>"}}], "special_tokens": {"<s>": {"id": "<s>", "ids": [20], "tokens": ["<s>"]}}}]})");
  const Tokenizer tokenizer = Read(document);
  EXPECT_EQ(tokenizer.Encode("a", {.add_special = true}), (Ids{20, 0, 20}));
  EXPECT_EQ(tokenizer.Encode("a"), (Ids{0}));
}

TEST(TokenizerJson, HostileDocumentsAreRefusedWithAReason) {
  EXPECT_THAT(Refusal([](Json& d) { d["model"]["merges"].push_back("a zz"); }), HasSubstr("not in the vocabulary"));
  EXPECT_THAT(Refusal([](Json& d) { d["model"]["merges"].push_back("d a"); }), HasSubstr("\"da\" is not"));
  EXPECT_THAT(Refusal([](Json& d) { d["model"]["merges"].push_back("ab"); }), HasSubstr("not two pieces"));
  EXPECT_THAT(Refusal([](Json& d) { d["model"]["merges"].push_back({"a", "b", "c"}); }), HasSubstr("not a pair"));
  EXPECT_THAT(Refusal([](Json& d) { d["model"]["merges"].push_back(3); }), HasSubstr("merges"));
  EXPECT_THAT(Refusal([](Json& d) { d["model"]["vocab"]["e"] = 3; }), HasSubstr("the id 3 means both"));
  EXPECT_THAT(Refusal([](Json& d) { d["model"]["vocab"]["e"] = -1; }), HasSubstr("-1"));
  EXPECT_THAT(Refusal([](Json& d) { d["model"]["vocab"]["e"] = 4'000'000'000; }), HasSubstr("4000000000"));
  EXPECT_THAT(Refusal([](Json& d) { d["model"]["vocab"]["e"] = UINT64_MAX; }), HasSubstr("too large"));
  EXPECT_THAT(Refusal([](Json& d) { d["model"]["vocab"]["e"] = "f"; }), HasSubstr("vocab"));
  EXPECT_THAT(Refusal([](Json& d) { d["model"]["vocab"]["e"] = {{"x", 1}}; }), HasSubstr("vocab"));
  EXPECT_THAT(Refusal([](Json& d) { d.erase("model"); }), HasSubstr("model"));
  EXPECT_THAT(Refusal([](Json& d) { d["model"]["type"] = "WordPiece"; }), HasSubstr("WordPiece"));
  EXPECT_THAT(Refusal([](Json& d) { d["normalizer"] = {{"type", "Magic"}}; }), HasSubstr("Magic"));
  EXPECT_THAT(Refusal([](Json& d) { d["decoder"] = {{"type", "Magic"}}; }), HasSubstr("Magic"));
  EXPECT_THAT(Refusal([](Json& d) { d["added_tokens"][0]["content"] = ""; }), HasSubstr("empty"));
  EXPECT_THAT(Refusal([](Json& d) { d["added_tokens"][0]["id"] = 3; }), HasSubstr("the id 3 means both"));
  EXPECT_THAT(Refusal([](Json& d) { d["added_tokens"] = "x"; }), HasSubstr("added_tokens"));
  EXPECT_THAT(Refusal([](Json& d) { d["model"]["dropout"] = 0.5; }), HasSubstr("dropout"));
  EXPECT_THAT(Refusal([](Json& d) { d = Json::array({1}); }), HasSubstr("model"));
}

TEST(TokenizerJson, CyclicMergesEnd) {
  Json document = Document();
  document["model"]["vocab"]["ba"] = 8;
  document["model"]["vocab"]["aba"] = 9;
  document["model"]["merges"] = {"a b", "b a", "ab a", "a ba", "a b"};
  EXPECT_EQ(Read(document).Encode("ababab"), (Ids{9, 8, 1}));
}

TEST(TokenizerJson, DeepAndMalformedJsonIsRefused) {
  EXPECT_THROW(ParseTokenizerJson(std::string(100'000, '['), "deep"), Error);
  EXPECT_THROW(ParseTokenizerJson("{\"model\": ", "cut"), Error);
  EXPECT_THROW(ParseTokenizerJson("\xff", "bytes"), Error);
}

TEST(Unigram, TheBestSumOfScoresWins) {
  Json document = Document();
  document["added_tokens"] = Json::array();
  document["model"] = Json::parse(R"({"type": "Unigram", "unk_id": 0, "vocab":
      [["<unk>", 0], ["a", -2], ["b", -2], ["ab", -3.5], ["ba", -5], ["aba", -9]]})");
  const Tokenizer tokenizer = Read(document);
  EXPECT_EQ(tokenizer.Encode("aba"), (Ids{3, 1}));
  EXPECT_EQ(tokenizer.Encode("axyb"), (Ids{1, 0, 2}));
  document["model"]["unk_id"] = 6;
  EXPECT_THROW(Read(document), Error);
}

TEST(SideFiles, NameTheTokensThatBeginAndEnd) {
  TokenizerParts parts = ParseTokenizerJson(Document().dump(), "test.json");
  SideFiles files;
  files.tokenizer_config = SortedJson::parse(R"({"bos_token": {"content": "<s>"}, "eos_token": "<e>",
      "add_bos_token": true, "add_eos_token": true,
      "added_tokens_decoder": {"22": {"content": "<e>", "special": true}, "20": {"content": "<s>", "special": true}}})");
  files.generation_config = SortedJson::parse(R"({"eos_token_id": [22, 3], "pad_token_id": 4})");
  ApplySideFiles(files, {}, parts);
  const Tokenizer tokenizer(std::move(parts));
  EXPECT_EQ(tokenizer.bos(), 20);
  EXPECT_EQ(tokenizer.eos(), 22);
  EXPECT_EQ(tokenizer.pad(), 4);
  EXPECT_EQ(tokenizer.stop_ids(), (Ids{3, 22}));
  EXPECT_EQ(tokenizer.Encode("a<e>", {.add_special = true}), (Ids{20, 0, 22, 22}));
  files.generation_config = SortedJson::parse(R"({"eos_token_id": -5})");
  TokenizerParts other = ParseTokenizerJson(Document().dump(), "test.json");
  EXPECT_THROW(ApplySideFiles(files, {}, other), Error);
}

TEST(Tokenizer, IllFormedTextCountsAsReplacementCharacters) {
  Json document = Document();
  document["model"]["vocab"]["\uFFFD"] = 9;
  const Tokenizer tokenizer = Read(document);
  EXPECT_EQ(tokenizer.Encode("a\xff\xe4\xbd"), (Ids{0, 9, 9}));
}

TEST(Tokenizer, IdsThatAreNotThereDecodeToNothing) {
  const Tokenizer tokenizer = Read(Document());
  EXPECT_EQ(tokenizer.Decode(Ids{0, -1, 15, INT32_MAX, INT32_MIN, 1}), "ab");
  EXPECT_EQ(tokenizer.IdToPiece(15), "");
  EXPECT_FALSE(tokenizer.Has(15) || tokenizer.Has(-1) || tokenizer.Has(INT64_MAX));
}

}  // namespace
}  // namespace tessera::text
