// Replays the corpus of the chat templates' fuzzer.

#include <gtest/gtest.h>

#include <filesystem>

#include "fuzz/render_template.h"
#include "tessera/core/mapped_file.h"

namespace tessera::fuzz {
namespace {

TEST(TemplateCorpus, EveryTemplateIsRenderedOrRefused) {
  size_t files = 0, rendered = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(TESSERA_SOURCE_DIR) / "fuzz/corpus/jinja")) {
    SCOPED_TRACE(entry.path().string());
    const std::string bytes = ReadFile(entry.path(), 1 << 20);
    EXPECT_NO_THROW(rendered += RenderTemplate(bytes));
    for (size_t size = 0; size < bytes.size(); size += bytes.size() / 16 + 1)
      EXPECT_NO_THROW(RenderTemplate(std::string_view(bytes).substr(0, size)));
    ++files;
  }
  EXPECT_GE(files, 50u);
  EXPECT_GE(rendered, 40u);
}

}  // namespace
}  // namespace tessera::fuzz
