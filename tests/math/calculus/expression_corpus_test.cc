// Replays the corpus of the formulas' fuzzer.

#include "fuzz/parse_expression.h"
#include "replay_corpus.h"

namespace tessera::fuzz {
namespace {

TEST(ExpressionCorpus, EveryFormulaIsReadOrRefused) { EXPECT_GE(ReplayCorpus("expression", ParseExpression).valid, 6); }

}  // namespace
}  // namespace tessera::fuzz
