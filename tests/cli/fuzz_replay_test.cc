// Replays the corpora of the fuzzers of whole models, of JSON lines and of saved conversations.

#include "fuzz/model_folder.h"
#include "fuzz/read_lines.h"
#include "replay_corpus.h"

namespace tessera::fuzz {
namespace {

TEST(FuzzReplay, ModelFolders) { EXPECT_GE(ReplayCorpus("model_folder", ReadModelFolder).valid, 4); }
TEST(FuzzReplay, GgufModels) { EXPECT_GE(ReplayCorpus("gguf_model", ReadGgufModel).valid, 7); }
TEST(FuzzReplay, JsonLines) { EXPECT_GE(ReplayCorpus("json_lines", ReadJsonLines).valid, 2); }
TEST(FuzzReplay, SavedChats) { EXPECT_GE(ReplayCorpus("saved_chat", ReadConversation).valid, 2); }

}  // namespace
}  // namespace tessera::fuzz
