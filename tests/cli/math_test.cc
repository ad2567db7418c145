// `tessera math` from outside: answers, exit codes, pictures.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "cli/program_runner.h"
#include "tessera/core/json.h"
#include "tessera/core/mapped_file.h"

namespace tessera::cli {
namespace {

using testing::HasSubstr;

ProgramResult Ask(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "math");
  return RunTessera(arguments);
}

Json AskJson(std::vector<std::string> arguments) {
  arguments.push_back("--json");
  return ParseJson(Ask(std::move(arguments)).out, "answer");
}

TEST(MathWalk, TheWholeLawIsExact) {
  const Json law = AskJson({"walk", "law", "-n", "2"});
  EXPECT_EQ(law["probability"], Json::array({"1/4", "1/2", "1/4"}));
  EXPECT_EQ(law["x"], Json::array({-2, 0, 2}));
  EXPECT_THAT(Ask({"walk", "law", "-n", "20"}).out, HasSubstr("binomial"));
}

TEST(MathWalk, EveryQuestionAnswers) {
  EXPECT_THAT(AskJson({"walk", "at", "-n", "10000", "-x", "200", "--digits", "40"})["probability_decimal"],
              "0.001079864329433355744573128506119080357749");
  EXPECT_EQ(AskJson({"walk", "at", "-n", "10", "-x", "-4"})["probability"], "15/128");
  EXPECT_EQ(AskJson({"walk", "first-passage", "-n", "9", "-a", "-3", "--p", "1/3"})["probability"], "1792/19683");
  EXPECT_EQ(AskJson({"walk", "first-return", "-n", "4", "--p", "1/3"})["probability"], "8/81");
  EXPECT_EQ(AskJson({"walk", "maximum", "-n", "10", "-r", "3"})["probability"], "15/128");
  EXPECT_EQ(AskJson({"walk", "arcsine", "-n", "10", "--at", "4"})["probability"], "15/128");
  EXPECT_EQ(AskJson({"walk", "ballot", "-a", "3", "-b", "2"})["probability"], "1/5");
  EXPECT_EQ(AskJson({"walk", "ruin", "--stake", "3", "--goal", "10", "--p", "2/5"})["ruin"], "55593/58025");
  EXPECT_EQ(AskJson({"walk", "returns", "-n", "10", "-r", "2"})["probability"], "7/32");
  EXPECT_EQ(AskJson({"walk", "sites", "-n", "10"})["mean"], "1323/256");
  EXPECT_EQ(AskJson({"walk", "lattice", "-d", "3", "-n", "4"})["return_within"], "5/24");
  EXPECT_EQ(AskJson({"walk", "lattice", "-n", "6", "--at", "1,3"})["probability"], "45/2048");
  EXPECT_EQ(AskJson({"walk", "polya", "-d", "2"})["return_probability"], "1");
  EXPECT_EQ(AskJson({"walk", "gf", "--of", "first-return", "--terms", "5"})["coefficients"][4], "1/8");
  EXPECT_EQ(AskJson({"walk", "simulate", "--walkers", "1e4", "--steps", "100", "--check"})["agrees"], true);
}

TEST(MathGradient, FormulasTooLongForAShellComeFromFiles) {
  const std::string path = testing::TempDir() + "formula.txt";
  std::string text = "x1*x2";
  for (int i = 0; i < 50'000; ++i) text += " + x1";
  std::ofstream(path) << text << "\n";
  EXPECT_EQ(AskJson({"gradient", "--file", path, "--at", "1,2"})["gradient"], Json::array({"50002", "1"}));
  std::ofstream(path) << std::string(100'000, '(') << "x" << std::string(100'000, ')');
  const ProgramResult deep = Ask({"gradient", "--file", path});
  EXPECT_EQ(deep.exit_code, 2);
  EXPECT_THAT(deep.err, HasSubstr("nested"));
  std::ofstream(path) << std::string(20 << 20, 'x');
  EXPECT_NE(Ask({"gradient", "--file", path}).exit_code, 0);
  EXPECT_EQ(Ask({"gradient"}).exit_code, 2);
  std::filesystem::remove(path);
}

// A file of single entries stays sparse: here a chain with a spring to the ground at one end, or at none.
TEST(MathQuadratic, LargeSparseFilesGetTheirKindWithACertificate) {
  const auto chain = [](double ground) {
    constexpr int kLinks = 20'000;
    std::string text =
        fmt::format("%%MatrixMarket matrix coordinate real symmetric\n{} {} {}\n", kLinks, kLinks, 2 * kLinks - 1);
    for (int i = 1; i <= kLinks; ++i) {
      const double diagonal = i == 1 ? 1 + ground : i == kLinks ? 1 : 2;
      text += fmt::format("{} {} {}\n", i, i, diagonal);
      if (i > 1) text += fmt::format("{} {} -1\n", i, i - 1);
    }
    return text;
  };
  const std::string path = testing::TempDir() + "chain.mtx";
  std::ofstream(path) << chain(1);
  const Json grounded = AskJson({"quadratic", "--matrix", path});
  EXPECT_EQ(grounded["kind"], "unique minimum");
  EXPECT_EQ(grounded["inertia"]["positive"], 20'000);
  std::ofstream(path) << chain(-1);
  const Json pulled = AskJson({"quadratic", "--matrix", path});
  EXPECT_EQ(pulled["kind"], "saddle");
  EXPECT_EQ(pulled["inertia"]["negative"], 1);
  EXPECT_EQ(pulled["descent"].size(), 20'000u);
  std::ofstream(path) << chain(0);  // singular: the whole chain moves freely
  const Json free = AskJson({"quadratic", "--matrix", path});
  EXPECT_EQ(free["kind"], "flat minimum");
  EXPECT_EQ(free["inertia"]["positive"], 19'999);
  EXPECT_EQ(free["null_space"], Json::array({Json(std::vector<std::string>(20'000, "1/1"))}));
  std::filesystem::remove(path);
}

// Names of variables are not looked for one by one: half a million of them are a matter of seconds.
TEST(MathGradient, ManyVariablesTakeTimeInProportion) {
  const std::string path = testing::TempDir() + "many.txt";
  std::string text = "x1";
  for (int i = 2; i <= 300'000; ++i) text += fmt::format("+x{}*x{}", i, i - 1);
  std::ofstream(path) << text;
  const ProgramResult many = Ask({"gradient", "--file", path});
  EXPECT_EQ(many.exit_code, 0);
  EXPECT_THAT(many.out, HasSubstr("∂f/∂x300000  = x299999\n"));
  std::filesystem::remove(path);
}

TEST(MathWalk, BadInputEndsWithTwoAndSaysWhatIsWrong) {
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"walk", "at", "--p", "3"},
                                                {"walk", "at", "-n", "ten"},
                                                {"walk", "at", "-n", "-1"},
                                                {"walk", "law", "-n", "10^100"},
                                                {"walk", "law", "-n", "1e6", "--exact"},
                                                {"walk", "polya", "-d", "0"},
                                                {"walk", "polya", "-d", "3", "--digits", "1000000000"},
                                                {"walk", "at", "-n", "10", "--digits", "1000000000"},
                                                {"walk", "at", "-n", "10", "--digits", "-5"},
                                                {"walk", "moments", "-n", "10", "--digits", "0"},
                                                {"walk", "lattice", "-d", "9"},
                                                {"walk"}}) {
    const ProgramResult result = Ask(wrong);
    EXPECT_EQ(result.exit_code, 2) << wrong.back();
    EXPECT_EQ(result.out, "");
    EXPECT_NE(result.err, "");
  }
  EXPECT_EQ(AskJson({"walk", "at", "--p", "3"})["error"], "domain");
}

TEST(MathHarmonic, FractionsDigitsAndThresholds) {
  EXPECT_EQ(AskJson({"harmonic", "20"})["exact"], "55835135/15519504");
  EXPECT_THAT(AskJson({"harmonic", "10^(10^9)", "--digits", "20"})["decimal"], "2302585093.5712613489");
  EXPECT_EQ(AskJson({"harmonic", "--exceeds", "10"})["n"], "12367");
  for (const char* wrong : {"-1", "2.5", "ten", "", "1/2", "9^9^9^9^9"})
    EXPECT_EQ(Ask({"harmonic", wrong}).exit_code, 2) << wrong;
  EXPECT_EQ(Ask({"harmonic", "10^100", "--exact"}).exit_code, 2);
}

TEST(MathQuadratic, KindsAndTheirExitCodes) {
  EXPECT_EQ(AskJson({"quadratic", "2*x^2+2*x*y+3*y^2+x-2*y"})["value"], "-3/4");
  EXPECT_EQ(AskJson({"quadratic", "(x+y)^2+x-y"})["kind"], "no stationary point");
  EXPECT_EQ(Ask({"quadratic", "x^3"}).exit_code, 2);
  EXPECT_EQ(Ask({"quadratic"}).exit_code, 2);
  EXPECT_EQ(AskJson({"quadratic", "x^^2"})["column"], 3);
  EXPECT_EQ(AskJson({"quadratic", "--laplacian", "50x60"})["kind"], "unique minimum");
}

TEST(MathGradient, GivesExactAndDecimalNumbers) {
  const Json g = AskJson({"gradient", "x^2+y^2", "--at", "1,2", "--along", "3,4"});
  EXPECT_EQ(g["gradient"], Json::array({"2", "4"}));
  EXPECT_EQ(g["partials"]["x"], "2*x");
  EXPECT_EQ(g["directional"][0]["unit"], "22/5");
  EXPECT_EQ(g["directional"][0]["unnormalised"], "22");
  EXPECT_EQ(AskJson({"gradient", "x*y*z", "--at", "1,2,3", "--along", "1,1,1"})["directional"][0]["unit"],
            "11/3*sqrt(3)");
  EXPECT_THAT(Ask({"gradient", "x^2", "--latex"}).out, HasSubstr("\\partial f/\\partial x"));
  EXPECT_EQ(AskJson({"gradient", "-x^2", "--at", "3"})["gradient"], Json::array({"-6"}));
}

TEST(MathGradient, SaysWhereThereIsNoneAndEndsWithThree) {
  const ProgramResult kink = Ask({"gradient", "sqrt(x^2+y^2)", "--at", "0,0", "--along", "3,4", "--json"});
  EXPECT_EQ(kink.exit_code, 3);
  const Json answer = ParseJson(kink.out, "answer");
  EXPECT_EQ(answer["error"], "not-differentiable");
  EXPECT_EQ(answer["directional"][0]["one_sided"], "1");
  EXPECT_EQ(Ask({"gradient", "ln(x)", "--at", "-1"}).exit_code, 3);
  EXPECT_EQ(Ask({"gradient", "abs(x)*x", "--at", "0"}).exit_code, 0);
  EXPECT_EQ(Ask({"gradient", "abs(sin(x)^2+cos(x)^2-1)", "--at", "1"}).exit_code, 4);
}

TEST(MathGradient, BadInputIsToldInOrder) {
  const auto error = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "gradient");
    return AskJson(arguments)["error"];
  };
  EXPECT_EQ(error({"foo(x", "--at", "1"}), "syntax");
  EXPECT_EQ(error({"foo(x)+sin(1,2)", "--at", "1"}), "unknown-function");
  EXPECT_EQ(error({"x^2+y^2", "--at", "x=1", "--along", "0"}), "unbound-variable");
  EXPECT_EQ(error({"x^2+y^2", "--at", "1,2", "--along", "1"}), "dimension");
  EXPECT_EQ(error({"1/x+y", "--at", "0,2", "--along", "0,0"}), "zero-direction");
  EXPECT_EQ(error({"1/x+y", "--at", "0,2", "--along", "1,0"}), "domain");
  EXPECT_EQ(error({"", "--at", "1"}), "syntax");
}

TEST(MathFloat, ShowsBitsAndErrors) {
  const Json half = AskJson({"float", "0.1", "--as", "fp16"});
  EXPECT_EQ(half["bits"], "0 01011 1001100110");
  EXPECT_EQ(half["value"], "819/8192");
  EXPECT_THAT(Ask({"float", "--table"}).out, HasSubstr("fp8_e4m3"));
  EXPECT_EQ(Ask({"float", "0.1", "--as", "fp12"}).exit_code, 2);
}

TEST(MathPictures, EveryQuestionHasOneAndItIsWrittenWhole) {
  const std::string file = testing::TempDir() + "/picture.svg", page = testing::TempDir() + "/page.html";
  for (const std::vector<std::string>& question : {std::vector<std::string>{"walk", "law", "-n", "20"},
                                                   {"walk", "law", "-n", "0"},
                                                   {"walk", "law", "-n", "9", "--p", "1"},
                                                   {"walk", "at", "-n", "10000", "-x", "200"},
                                                   {"walk", "at", "-n", "10^15", "-x", "10^8"},
                                                   {"walk", "at", "-n", "100", "-x", "90"},
                                                   {"walk", "at", "-n", "0"},
                                                   {"walk", "at", "-n", "4", "-x", "-4", "--p", "0"},
                                                   {"walk", "first-passage", "-n", "9", "-a", "-3", "--p", "1/3"},
                                                   {"walk", "first-passage", "-n", "0", "-a", "2", "--p", "1"},
                                                   {"walk", "first-return", "-n", "30"},
                                                   {"walk", "first-return", "-n", "1", "--p", "0"},
                                                   {"walk", "maximum", "-n", "100", "-r", "10"},
                                                   {"walk", "maximum", "-n", "100", "-r", "10", "--p", "9/10"},
                                                   {"walk", "maximum", "-n", "0", "--p", "0"},
                                                   {"walk", "arcsine", "-n", "20"},
                                                   {"walk", "arcsine", "-n", "10000", "--at", "30"},
                                                   {"walk", "arcsine", "-n", "0"},
                                                   {"walk", "ballot", "-a", "3", "-b", "2"},
                                                   {"walk", "ruin", "--stake", "3", "--goal", "10", "--p", "2/5"},
                                                   {"walk", "ruin", "--stake", "0", "--goal", "1", "--p", "1"},
                                                   {"walk", "returns", "-n", "100", "-r", "2"},
                                                   {"walk", "returns", "-n", "0"},
                                                   {"walk", "sites", "-n", "1000"},
                                                   {"walk", "sites", "-n", "7", "--p", "3/4"},
                                                   {"walk", "reflection", "-n", "30", "-x", "2", "--level", "5"},
                                                   {"walk", "reflection", "-n", "3", "-x", "2", "--level", "5"},
                                                   {"walk", "moments", "-n", "10"},
                                                   {"walk", "moments", "-n", "0"},
                                                   {"walk", "gf", "--of", "first-passage", "-a", "-2", "--p", "1/5"},
                                                   {"walk", "polya", "-d", "3"},
                                                   {"walk", "polya", "-d", "1"},
                                                   {"walk", "lattice", "-d", "3", "-n", "20"},
                                                   {"walk", "lattice", "-n", "12", "--at", "1,0,-1"},
                                                   {"walk", "simulate", "--walkers", "1000", "--steps", "100"},
                                                   {"walk", "simulate", "-d", "3", "--walkers", "10", "--steps", "100"},
                                                   {"walk", "simulate", "--walkers", "10", "--steps", "0"},
                                                   {"harmonic", "9"},
                                                   {"harmonic", "--exceeds", "3"},
                                                   {"harmonic", "--exceeds", "1000"},
                                                   {"harmonic", "--table"},
                                                   {"quadratic", "x^2"},
                                                   {"quadratic", "x^2+y^2"},
                                                   {"quadratic", "x^2+y^2+3*z^2-x"},
                                                   {"quadratic", "(x+y+z)^2"},
                                                   {"quadratic", "x*y+z^2"},
                                                   {"quadratic", "x^2+y-z"},
                                                   {"quadratic", "--laplacian", "30x30"},
                                                   {"gradient", "x^2"},
                                                   {"gradient", "x*y"},
                                                   {"gradient", "x*y*z", "--at", "1,2,3", "--along", "1,1,1"},
                                                   {"float", "0.1", "--as", "fp16"},
                                                   {"float", "1e9", "--as", "fp16"},
                                                   {"float", "0", "--as", "fp64"},
                                                   {"float", "-448", "--as", "fp8_e4m3"},
                                                   {"float", "--table"},
                                                   {"demo", "-o", page}}) {
    std::filesystem::remove(file);
    std::vector<std::string> with = question;
    with.insert(with.end(), {"--svg", file});
    const ProgramResult result = Ask(with);
    ASSERT_EQ(result.exit_code, 0) << fmt::format("{}", fmt::join(question, " ")) << result.err;
    const std::string svg = ReadFile(file, 4 << 20);
    EXPECT_THAT(svg, testing::EndsWith("</svg>\n"));
    for (const char* bad : {"'nan", " nan", ",nan", "'inf", "'-inf", ",inf", ",-inf"})
      EXPECT_EQ(svg.find(bad), std::string::npos) << bad << ": " << fmt::format("{}", fmt::join(question, " "));
  }
  const ProgramResult kink = Ask({"gradient", "abs(x)+abs(y)+abs(z)", "--at", "0,0,0", "--svg", file});
  EXPECT_EQ(kink.exit_code, 3);
  EXPECT_THAT(ReadFile(file, 1 << 20), testing::EndsWith("</svg>\n"));
  EXPECT_EQ(Ask({"gradient", "x*y*z", "--svg", file}).exit_code, 2);  // where should it be drawn?
}

TEST(MathDemo, IsOnePageThatStandsAlone) {
  const std::string file = testing::TempDir() + "/demo.html";
  EXPECT_EQ(Ask({"demo", "-o", file}).exit_code, 0);
  const std::string page = ReadFile(file, 1 << 22);
  EXPECT_THAT(page, HasSubstr("0.34053732955099914282627318443"));
  EXPECT_THAT(page, testing::Not(HasSubstr("src=")));
  EXPECT_THAT(page, testing::EndsWith("</html>\n"));
}

TEST(Math, HelpOfNestedCommandsNamesTheWholePath) {
  EXPECT_THAT(Ask({"walk", "at", "--help"}).out, HasSubstr("Usage: tessera math walk at"));
  EXPECT_THAT(Ask({"--help"}).out, HasSubstr("\n  quadratic "));
  EXPECT_THAT(Ask({"frobnicate"}).err, HasSubstr("tessera math"));
}

}  // namespace
}  // namespace tessera::cli
