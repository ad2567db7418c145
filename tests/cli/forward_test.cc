// `forward`, `grad` and `perplexity` as a person runs them, on a published-size input with numbers from transformers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "cli/program_runner.h"
#include "tessera/core/json.h"
#include "tessera/weights/safetensors.h"

namespace tessera::cli {
namespace {

using testing::HasSubstr;
using weights::SafetensorsFile;

const std::string kModel = TESSERA_TEST_DATA "/llama_smollm2_fp32";
const std::string kGolden = kModel + "/golden.safetensors";

// A path that no other test of this run uses.
std::string Scratch(const std::string& name) {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  return testing::TempDir() + test->name() + std::to_string(getpid()) + name;
}

float MaxDifference(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  float greatest = a.shape() == b.shape() ? 0 : INFINITY;
  for (size_t i = 0; i < a.data<float>().size() && greatest < INFINITY; ++i)
    greatest = std::max(greatest, std::abs(a.data<float>()[i] - b.data<float>()[i]));
  return greatest;
}

std::string WriteInput(const std::vector<std::pair<std::string, Tensor>>& tensors) {
  const std::string path = Scratch("in.safetensors");
  weights::WriteSafetensors(path, tensors);
  return path;
}

TEST(Forward, WritesWhatTheGoldenHolds) {
  const std::string output = Scratch("out.safetensors");
  const ProgramResult result = RunTessera({"forward", kModel, "-i", kGolden, "-o", output, "--greedy", "32"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "");
  const auto expected = SafetensorsFile::Open(kGolden), written = SafetensorsFile::Open(output);
  for (const char* name : {"logits", "hidden.embed", "hidden.layer0", "hidden.layer2", "hidden.final_norm"})
    EXPECT_LE(MaxDifference(written.Get(name), expected.Get(name)), 2e-4f) << name;
  const Tensor ids = written.Get("greedy.ids"), golden = expected.Get("greedy.ids");
  EXPECT_THAT(ids.data<int64_t>(), testing::ElementsAreArray(golden.data<int64_t>()));
}

// How far ahead of a stream it is asked for is a matter of speed alone.
TEST(Forward, TheSameBitsHoweverFarAheadWeightsAreAskedFor) {
  const std::string input = WriteInput({{"input_ids", Tensor::From<int64_t>({7}, {1, 1})}});
  std::vector<Tensor> logits;
  for (const char* bytes : {"0", "6144", "1048576"}) {
    const std::string output = Scratch("out.safetensors");
    const ProgramResult result = RunTessera({"forward", kModel, "-i", input, "-o", output, "--dtype", "bf16"},
                                            {.environment = {std::string("TESSERA_STREAM_AHEAD=") + bytes}});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    logits.push_back(SafetensorsFile::Open(output).Get("logits").Clone());
  }
  EXPECT_EQ(MaxDifference(logits[0], logits[1]), 0);
  EXPECT_EQ(MaxDifference(logits[0], logits[2]), 0);
  for (const char* bytes : {"far", "-1", "1048577", ""}) {
    const ProgramResult result = RunTessera({"forward", kModel, "-i", input, "-o", Scratch("out.safetensors")},
                                            {.environment = {std::string("TESSERA_STREAM_AHEAD=") + bytes}});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr("TESSERA_STREAM_AHEAD"));
  }
}

TEST(Forward, PaddedBatchesGiveZerosWhereTheMaskHides) {
  const auto golden = SafetensorsFile::Open(kGolden);
  const std::string input = WriteInput({{"input_ids", golden.Get("padded.input_ids")},
                                        {"attention_mask", golden.Get("padded.attention_mask")},
                                        {"position_ids", golden.Get("padded.position_ids")}});
  const std::string output = Scratch("out.safetensors");
  const ProgramResult result = RunTessera({"forward", kModel, "--input", input, "--output", output});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_LE(MaxDifference(SafetensorsFile::Open(output).Get("logits"), golden.Get("padded.logits")), 2e-4f);
}

TEST(Forward, BFloat16IsCloseButNotTheSame) {
  const std::string output = Scratch("out.safetensors");
  const ProgramResult result = RunTessera({"forward", kModel, "-i", kGolden, "-o", output, "--dtype", "bf16"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const float difference =
      MaxDifference(SafetensorsFile::Open(output).Get("logits"), SafetensorsFile::Open(kGolden).Get("logits"));
  EXPECT_GT(difference, 1e-4f);
  EXPECT_LT(difference, 1.0f);
}

TEST(Grad, WritesLossAndEveryGradient) {
  const auto golden = SafetensorsFile::Open(kGolden);
  const std::string input =
      WriteInput({{"input_ids", golden.Get("train.input_ids")}, {"labels", golden.Get("train.labels")}});
  const std::string output = Scratch("out.safetensors");
  const ProgramResult result = RunTessera({"grad", kModel, "--input", input, "--output", output});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("loss"));
  const auto written = SafetensorsFile::Open(output);
  EXPECT_LE(MaxDifference(written.Get("loss"), golden.Get("train.loss")), 1e-5f);
  int gradients = 0;
  for (const auto& info : golden.tensors()) {
    if (!info.name.starts_with("grad.")) continue;
    const Tensor expected = golden.Get(info.name);
    const float scale = MaxDifference(expected, Tensor::Zeros(expected.shape()));
    EXPECT_LE(MaxDifference(written.Get(info.name), expected), 1e-3f * scale + 1e-6f) << info.name;
    ++gradients;
  }
  EXPECT_EQ(gradients, 29);
}

TEST(Forward, WrongInputsAreNamedAndNothingIsWritten) {
  const std::string output = Scratch("out.safetensors");
  const auto refused = [&](const char* verb, const std::vector<std::pair<std::string, Tensor>>& tensors,
                           const char* what) {
    const ProgramResult result = RunTessera({verb, kModel, "--input", WriteInput(tensors), "--output", output});
    EXPECT_EQ(result.exit_code, 1) << what;
    EXPECT_THAT(result.err, HasSubstr(what));
    EXPECT_FALSE(std::filesystem::exists(output));
  };
  const Tensor ids = Tensor::From<int64_t>({5, 6, 7}, {1, 3});
  refused("forward", {{"ids", ids}}, "input_ids");
  refused("forward", {{"input_ids", Tensor::Zeros({1, 3})}}, "f32");
  refused("forward", {{"input_ids", ids.Reshape({3})}}, "[B, T]");
  refused("forward", {{"input_ids", Tensor::Zeros({1, 0}, DType::kI64)}}, "[1, 0]");
  refused("forward", {{"input_ids", Tensor::From<int64_t>({5, 384}, {1, 2})}}, "384 at [0, 1]");
  refused("forward", {{"input_ids", Tensor::From<int64_t>({-1}, {1, 1})}}, "-1");
  refused("forward", {{"input_ids", ids}, {"attention_mask", Tensor::Zeros({1, 3}, DType::kI64)}}, "every token");
  refused("forward", {{"input_ids", ids}, {"position_ids", Tensor::From<int64_t>({0, -1, 2}, {1, 3})}}, "position");
  refused("forward", {{"input_ids", ids}, {"labels", ids.Reshape({3, 1})}}, "labels");
  refused("forward", {{"input_ids", ids}, {"labels", Tensor::Full({1, 3}, -100, DType::kI64)}}, "ask for nothing");
  refused("grad", {{"input_ids", ids}}, "labels");
}

TEST(Forward, UsageAndAbsentFilesHaveTheirExitCodes) {
  EXPECT_EQ(RunTessera({"forward", kModel}).exit_code, 2);
  EXPECT_EQ(RunTessera({"forward", kModel, "-i", kGolden, "-o", "x", "--dtype", "f64"}).exit_code, 2);
  EXPECT_EQ(RunTessera({"forward", kModel, "-i", kGolden, "-o", "x", "--greedy", "0"}).exit_code, 2);
  const ProgramResult absent = RunTessera({"forward", kModel, "-i", "/nowhere/in.safetensors", "-o", "x"});
  EXPECT_EQ(absent.exit_code, 1);
  EXPECT_THAT(absent.err, HasSubstr("/nowhere/in.safetensors"));
  const ProgramResult beyond = RunTessera({"forward", kModel, "-i", kGolden, "-o", "x", "--greedy", "600"});
  EXPECT_EQ(beyond.exit_code, 1);
  EXPECT_THAT(beyond.err, HasSubstr("context of 512"));
}

TEST(Perplexity, ReportsTheSameNumbersToPeopleAndPrograms) {
  const std::string text = Scratch("text.txt");
  std::ofstream(text) << "The quick brown fox jumps over the lazy dog, again and again.";
  const ProgramResult json = RunTessera({"perplexity", kModel, text, "--json", "--window", "16", "--stride", "4"});
  ASSERT_EQ(json.exit_code, 0) << json.err;
  EXPECT_EQ(json.err, "");
  const Json result = ParseJson(json.out, "perplexity");
  EXPECT_EQ(result["scored"].get<int>(), result["tokens"].get<int>() - 1);
  EXPECT_NEAR(result["perplexity"].get<double>(), std::exp(result["mean_nll"].get<double>()), 1e-6);
  EXPECT_GT(result["standard_error"].get<double>(), 0);
  EXPECT_EQ(result["window"], 16);
  const ProgramResult plain = RunTessera({"perplexity", kModel, text, "--window", "16", "--stride", "4"});
  EXPECT_THAT(plain.out, HasSubstr(fmt::format("{:.4f} ±", result["perplexity"].get<double>())));
}

TEST(Perplexity, TextsThatCannotBeScoredAreRefused) {
  EXPECT_EQ(RunTessera({"perplexity", kModel, "/nowhere.txt"}).exit_code, 1);
  EXPECT_EQ(RunTessera({"perplexity", kModel, "/"}).exit_code, 1);
  const ProgramResult empty = RunTessera({"perplexity", kModel, "-"});
  EXPECT_EQ(empty.exit_code, 1);
  EXPECT_THAT(empty.err, HasSubstr("at least 2"));
  const ProgramResult wide = RunTessera({"perplexity", kModel, "-", "--window", "1000"}, {.standard_input = "a b c"});
  EXPECT_THAT(wide.err, HasSubstr("made for 512"));
}

}  // namespace
}  // namespace tessera::cli
