// pull, list and inspect, from outside.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "cli/program_runner.h"
#include "tessera/cli/progress.h"
#include "tessera/core/json.h"
#include "tests/weights/temporary_folder.h"

namespace tessera::cli {
namespace {

using testing::HasSubstr;

const std::string kModel = TESSERA_TEST_DATA "/llama_llama3rope_bf16_sharded";

TEST(Inspect, ShowsArchitectureParametersAndMemory) {
  const ProgramResult result = RunTessera({"inspect", kModel, "--context", "100"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("architecture   llama"));
  EXPECT_THAT(result.out, HasSubstr("100 tokens"));
  const Json json = ParseJson(RunTessera({"inspect", kModel, "--json", "--tensors", "-c", "10"}).out, "inspect");
  EXPECT_EQ(json["parameters"], 161216);
  EXPECT_EQ(json["tensors"].size(), 30u);
  EXPECT_EQ(json["memory"]["cache"]["f32"], 3 * 2 * 16 * 2 * 10 * 4);
  EXPECT_EQ(json["memory"]["cache"]["f16"], 3 * 2 * 16 * 2 * 10 * 2) << "what run uses unless told otherwise";
  EXPECT_THAT(RunTessera({"inspect", kModel, "--tensors"}).out, HasSubstr("model.layers.2.mlp.up_proj.weight"));
}

TEST(Inspect, DamagedAndAbsentModelsAreOneClearMessage) {
  TemporaryFolder folder;
  std::ofstream(folder / "bad.gguf") << "GGUF\x03";
  for (const std::string& model : {(folder / "bad.gguf").string(), (folder / "absent").string(), std::string("nope")}) {
    const ProgramResult result = RunTessera({"inspect", model});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, HasSubstr(model));
  }
  EXPECT_EQ(RunTessera({"inspect"}).exit_code, 2);
  EXPECT_EQ(RunTessera({"inspect", kModel, "--context", "0"}).exit_code, 2);
}

TEST(List, ShowsTheCatalogueAndTheHubsCache) {
  TemporaryFolder folder;
  const auto model = folder / "models--org--name";
  std::filesystem::create_directories(model / "refs");
  std::filesystem::create_directories(model / "snapshots" / "abc");
  std::ofstream(model / "refs" / "main") << "abc";
  std::ofstream(model / "snapshots" / "abc" / "config.json") << "{}";
  const std::vector<std::string> environment = {"TESSERA_CACHE=" + (folder / "empty").string(),
                                                "HF_HUB_CACHE=" + folder.path().string()};
  const ProgramResult result = RunTessera({"list"}, {.environment = environment});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr("org/name"));
  EXPECT_THAT(result.out, HasSubstr("tessera pull smollm2"));
  const Json json = ParseJson(RunTessera({"list", "--json"}, {.environment = environment}).out, "list");
  EXPECT_EQ(json.size(), 2u);
}

TEST(Pull, UnknownNamesListTheCatalogue) {
  const ProgramResult result = RunTessera({"pull", "nothing"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("smollm2"));
}

TEST(Progress, LineFitsItsWidth) {
  using Unit = ProgressBar::Unit;
  for (int width = 0; width < 120; ++width)
    EXPECT_LE(ProgressLine("download", 39'000'000, 92'900'000, Unit::kBytes, width).size(), static_cast<size_t>(width));
  EXPECT_EQ(ProgressLine("download", 1, 4, Unit::kItems, 36), "download   [##--------]  25 %  1 / 4");
  EXPECT_THAT(ProgressLine("load", 5, 0, Unit::kItems, 80), HasSubstr("5"));
}

TEST(Progress, BytesAreShortAndRounded) {
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(999), "999 B");
  EXPECT_EQ(HumanBytes(1500), "1.5 kB");
  EXPECT_EQ(HumanBytes(98'362'432), "98.4 MB");
  EXPECT_EQ(HumanBytes(999'960), "1.0 MB");
}

}  // namespace
}  // namespace tessera::cli
