// Replays the corpus of the chat templates' fuzzer.

#include "fuzz/render_template.h"
#include "replay_corpus.h"

namespace tessera::fuzz {
namespace {

TEST(TemplateCorpus, EveryTemplateIsRenderedOrRefused) {
  const Replayed replayed = ReplayCorpus("jinja", RenderTemplate);
  EXPECT_GE(replayed.files, 50);
  EXPECT_GE(replayed.valid, 40);
}

}  // namespace
}  // namespace tessera::fuzz
