// Replays the corpora of the tokenizer fuzzers.

#include "fuzz/tokenizer_readers.h"
#include "replay_corpus.h"

namespace tessera::fuzz {
namespace {

TEST(TokenizerCorpus, EveryTokenizerJsonIsReadOrRefused) {
  EXPECT_GE(ReplayCorpus("tokenizer_json", ReadTokenizerJson).files, 3);
}
TEST(TokenizerCorpus, EverySentencePieceModelIsReadOrRefused) {
  EXPECT_GE(ReplayCorpus("sentencepiece", ReadSentencePiece).files, 3);
}
TEST(TokenizerCorpus, EveryTiktokenModelIsReadOrRefused) { EXPECT_GE(ReplayCorpus("tiktoken", ReadTiktoken).files, 3); }

}  // namespace
}  // namespace tessera::fuzz
