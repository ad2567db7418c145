#include "tessera/weights/locate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tessera/core/error.h"
#include "tessera/weights/cache.h"
#include "tests/weights/environment.h"
#include "tests/weights/temporary_folder.h"

namespace tessera::weights {
namespace {

namespace fs = std::filesystem;

void WriteText(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

class Locating : public testing::Test {
 protected:
  TemporaryFolder folder;
  fs::path hub = folder / "hub";
  ScopedVariable tessera{"TESSERA_CACHE", (folder / "tessera").string()}, hub_cache{"HF_HUB_CACHE", hub.string()};

  void ExpectError(std::string_view model, const std::string& text) {
    try {
      Locate(model);
      FAIL() << "no error for " << model;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(text));
    }
  }
};

TEST_F(Locating, PathsMeanThemselves) { EXPECT_EQ(Locate(folder.path().string()), folder.path()); }

TEST_F(Locating, HubNamesFollowTheRefToTheSnapshot) {
  WriteText(hub / "models--org--name/refs/main", "abc123\n");
  WriteText(hub / "models--org--name/snapshots/abc123/config.json", "{}");
  WriteText(hub / "models--org--name/snapshots/def456/x.Q4_K_M.gguf", "");
  WriteText(hub / "models--org--name/snapshots/def456/x.Q8_0.gguf", "");
  const fs::path snapshots = hub / "models--org--name" / "snapshots";
  EXPECT_EQ(Locate("org/name"), snapshots / "abc123");
  EXPECT_EQ(Locate("org/name@def456"), snapshots / "def456");
  EXPECT_EQ(Locate("org/name@def456:Q8_0"), snapshots / "def456" / "x.Q8_0.gguf");
  ExpectError("org/name@def456:Q", "2 GGUF files");
  ExpectError("org/other", "no such model in");
  ExpectError("../name", "no such file");
  ExpectError("org/..", "no such file");
}

TEST_F(Locating, RefsMayNotLeadElsewhere) {
  WriteText(hub / "models--org--name/refs/main", "../../..");
  ExpectError("org/name", "no such model in");
}

TEST_F(Locating, CatalogueNamesSayHowToGetThem) {
  ExpectError("smollm2", "tessera pull smollm2");
  ExpectError("nonsense", "smollm2");
  ExpectError("", "no name");
}

TEST_F(Locating, LocalModelsListsTheHubsCache) {
  WriteText(hub / "models--org--name/refs/main", "abc123");
  WriteText(hub / "models--org--name/snapshots/abc123/model.safetensors", "12345");
  WriteText(hub / "datasets--org--name/refs/main", "abc123");
  WriteText(hub / "models--broken/x", "");
  const auto models = LocalModels();
  ASSERT_EQ(models.size(), 1u);
  EXPECT_EQ(models[0].name, "org/name");
  EXPECT_EQ(models[0].bytes, 5);
  EXPECT_EQ(models[0].from, "huggingface");
}

TEST(Cache, FoldersFollowTheVariablesInOrder) {
  ScopedVariable home("HOME", "/home/x"), xdg("XDG_CACHE_HOME", "/xdg"), hf_home("HF_HOME", "/hf"),
      old("HUGGINGFACE_HUB_CACHE", "/old"), hub("HF_HUB_CACHE", "/hub"), own("TESSERA_CACHE", "/own");
  EXPECT_EQ(TesseraCache(), "/own");
  EXPECT_EQ(HuggingFaceCache(), "/hub");
  ScopedVariable no_own("TESSERA_CACHE", ""), no_hub("HF_HUB_CACHE", std::nullopt);
  EXPECT_EQ(TesseraCache(), "/xdg/tessera");
  EXPECT_EQ(HuggingFaceCache(), "/old");
  ScopedVariable no_old("HUGGINGFACE_HUB_CACHE", std::nullopt);
  EXPECT_EQ(HuggingFaceCache(), "/hf/hub");
  ScopedVariable no_hf("HF_HOME", std::nullopt);
  EXPECT_EQ(HuggingFaceCache(), "/xdg/huggingface/hub");
  ScopedVariable no_xdg("XDG_CACHE_HOME", std::nullopt);
  EXPECT_EQ(TesseraCache(), "/home/x/.cache/tessera");
  EXPECT_EQ(HuggingFaceCache(), "/home/x/.cache/huggingface/hub");
  ScopedVariable no_home("HOME", std::nullopt);
  EXPECT_THROW(TesseraCache(), Error);
}

}  // namespace
}  // namespace tessera::weights
