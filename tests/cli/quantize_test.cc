#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <fstream>

#include "cli/program_runner.h"
#include "tessera/core/json.h"
#include "weights/temporary_folder.h"

namespace tessera::cli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::string kModel = TESSERA_TEST_DATA "/llama_smollm2_fp32";

int64_t FilesIn(const fs::path& folder) {
  return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

TEST(Quantize, WritesAFileThatTheProgramReads) {
  const TemporaryFolder folder;
  const std::string out = folder / "small.gguf";
  const ProgramResult result = RunTessera({"quantize", kModel, out, "--type", "Q4_K_M"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, out + "\n");
  EXPECT_THAT(result.err, HasSubstr("bits a value"));
  const std::string text = R"({"text": "Hello world<|im_end|>"})";
  EXPECT_EQ(RunTessera({"tokenize", out}, {.standard_input = text}).out,
            RunTessera({"tokenize", kModel}, {.standard_input = text}).out);
  const ProgramResult again = RunTessera({"quantize", out, folder / "again.gguf", "--type", "q8_0"});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_THAT(again.err, HasSubstr("note: "));
  EXPECT_EQ(RunTessera({"-q", "quantize", out, folder / "quiet.gguf", "--type", "q8_0"}).err, "");
}

// The limit stands for a full disk: the kernel refuses the write in the same way, with another number.
TEST(Quantize, AFullDiskIsAnErrorAndLeavesNothing) {
  const TemporaryFolder folder;
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{.rlim_cur = 100'000, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const ProgramResult result = RunTessera({"quantize", kModel, folder / "out.gguf", "--type", "f32"});
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(result.exit_code, 1) << result.err;
  EXPECT_THAT(result.err, HasSubstr("out.gguf: cannot write"));
  EXPECT_EQ(FilesIn(folder.path()), 0);
}

TEST(Quantize, AFullDeviceIsAnErrorToo) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  EXPECT_EQ(RunTessera({"quantize", kModel, "/dev/full", "--type", "f32"}).exit_code, 1);
}

TEST(Quantize, ExplainsWrongArguments) {
  const TemporaryFolder folder;
  const std::string out = folder / "out.gguf";
  EXPECT_EQ(RunTessera({"quantize", kModel, out}).exit_code, 2);
  const ProgramResult unknown = RunTessera({"quantize", kModel, out, "--type", "q9"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("q4_k_m"));
  const ProgramResult absent = RunTessera({"quantize", "/no/such/model", out, "--type", "q8_0"});
  EXPECT_EQ(absent.exit_code, 1);
  EXPECT_THAT(absent.err, HasSubstr("/no/such/model"));
  const ProgramResult nowhere = RunTessera({"quantize", kModel, "/no/such/folder/out.gguf", "--type", "q8_0"});
  EXPECT_EQ(nowhere.exit_code, 1);
  EXPECT_THAT(nowhere.err, HasSubstr("/no/such/folder"));
  EXPECT_EQ(FilesIn(folder.path()), 0);
}

TEST(Quantize, SaysWhatACalibrationLeavesAlone) {
  const TemporaryFolder folder;
  std::ofstream(folder / "text") << "Hello world, hello again. A text of some words, and some more words.";
  const ProgramResult result = RunTessera({"quantize", TESSERA_TEST_DATA "/kimi_vl_fp32", folder / "out.gguf", "--type",
                                           "q8_0", "--calibrate", folder / "text"});
  if (result.err.find("LAPACK") != std::string::npos) GTEST_SKIP() << "no LAPACK here";
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("tensors are calibrated; rounded by themselves: "));
  EXPECT_THAT(result.err, HasSubstr("of experts' second halves, which"));
  EXPECT_THAT(result.err, HasSubstr("of the vision part, which"));
}

TEST(Quantize, RefusesToReplaceItsInput) {
  const TemporaryFolder folder;
  const std::string out = folder / "a.gguf";
  ASSERT_EQ(RunTessera({"quantize", kModel, out, "--type", "f32"}).exit_code, 0);
  const auto size = fs::file_size(out);
  const ProgramResult result = RunTessera({"quantize", out, out, "--type", "q4_0"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("both the input and the output"));
  EXPECT_EQ(fs::file_size(out), size);
}

}  // namespace
}  // namespace tessera::cli
