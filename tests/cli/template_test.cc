#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "cli/program_runner.h"
#include "tessera/core/json.h"

namespace tessera::cli {
namespace {

using testing::HasSubstr;

constexpr std::string_view kConversation =
    R"({"messages": [{"role": "user", "content": "Hi"}], "add_generation_prompt": true})";

class TemplateVerb : public testing::Test {
 protected:
  TemplateVerb()
      : folder_(std::filesystem::path(testing::TempDir()) /
                testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::create_directories(folder_);
  }
  ~TemplateVerb() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, std::string_view text) {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }

  std::filesystem::path folder_;
};

TEST_F(TemplateVerb, AFileRendersEachLine) {
  const auto file = Write("chat.jinja", "{% for m in messages %}{{ m.role }}: {{ m.content }}{% endfor %}");
  const ProgramResult result =
      RunTessera({"template", "--file", file}, {.standard_input = std::string(kConversation) + "\n{}\n"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "{\"text\":\"user: Hi\"}\n{\"text\":\"\"}\n");
}

TEST_F(TemplateVerb, ARefusalIsTheTemplatesOwnMessage) {
  const auto file = Write("chat.jinja", "{{ raise_exception('Only \"user\" may speak') }}");
  const ProgramResult result = RunTessera({"template", "--file", file}, {.standard_input = "{}\n"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "{\"error\":\"Only \\\"user\\\" may speak\"}\n");
}

TEST_F(TemplateVerb, ADirectoryGivesTemplateAndSpecialTokens) {
  Write("tokenizer_config.json",
        R"({"bos_token": {"content": "<s>"}, "eos_token": "</s>",
            "chat_template": [{"name": "default", "template": "{{ bos_token }}d{{ eos_token }}"},
                              {"name": "tool_use", "template": "t{{ tools | length }}"}]})");
  const std::string input = "{}\n{\"tools\": [1, 2]}\n{\"bos_token\": \"B\"}\n";
  EXPECT_EQ(RunTessera({"template", folder_.string()}, {.standard_input = input}).out,
            "{\"text\":\"<s>d</s>\"}\n{\"text\":\"t2\"}\n{\"text\":\"Bd</s>\"}\n");
  EXPECT_EQ(RunTessera({"template", folder_.string(), "--name", "tool_use", "--print"}).out, "t{{ tools | length }}");
  const ProgramResult absent = RunTessera({"template", folder_.string(), "--name", "x"}, {.standard_input = "{}\n"});
  EXPECT_EQ(absent.exit_code, 1);
  EXPECT_THAT(absent.err, HasSubstr("no chat template \"x\", but default, tool_use"));
  Write("chat_template.jinja", "own");
  EXPECT_EQ(RunTessera({"template", folder_.string()}, {.standard_input = "{}\n"}).out, "{\"text\":\"own\"}\n");
}

TEST_F(TemplateVerb, TheClockComesFromTheFlagOrTheLine) {
  const auto file = Write("chat.jinja", "{{ strftime_now('%d %b %Y %H') }}");
  EXPECT_EQ(RunTessera({"template", "--file", file, "--now", "2024-07-26T09:30:00"}, {.standard_input = "{}\n"}).out,
            "{\"text\":\"26 Jul 2024 09\"}\n");
  EXPECT_EQ(RunTessera({"template", "--file", file}, {.standard_input = "{\"now\": \"2024-12-01\"}\n"}).out,
            "{\"text\":\"01 Dec 2024 00\"}\n");
  EXPECT_EQ(RunTessera({"template", "--file", file, "--now", "yesterday"}, {.standard_input = "{}\n"}).exit_code, 1);
}

TEST_F(TemplateVerb, MistakesAreNamed) {
  EXPECT_EQ(RunTessera({"template"}).exit_code, 2);
  EXPECT_EQ(RunTessera({"template", "--file", "/nonexistent.jinja"}, {.standard_input = "{}\n"}).exit_code, 1);
  const auto file = Write("chat.jinja", "a\n{% if %}");
  const ProgramResult broken = RunTessera({"template", "--file", file}, {.standard_input = "{}\n"});
  EXPECT_EQ(broken.exit_code, 1);
  EXPECT_THAT(broken.err, HasSubstr("template: line 2"));
}

}  // namespace
}  // namespace tessera::cli
