#include "tessera/text/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <thread>

#include "text/golden_files.h"

namespace tessera::text {
namespace {

using testing::HasSubstr;

std::string Slurp(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string Rendered(const std::string& source, const Json& variables = Json::object()) {
  return ChatTemplate(source).Render(variables);
}

// The message of the Error that rendering ends with; "" if there is none.
std::string Failure(const std::string& source, const TemplateLimits& limits = {}) {
  try {
    ChatTemplate(source, limits).Render(Json::object());
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(ChatTemplate, SnippetsRenderAsJinja2DoesIt) {
  // Each line has "template", perhaps "variables", and "expected" or "fails"; tools/make_jinja_cases.py made them.
  const auto cases = ReadJsonLines(TESSERA_TEST_DATA "/jinja/cases.jsonl");
  ASSERT_GT(cases.size(), 300u);
  const Json& defaults = cases[0]["defaults"];
  for (const Json& c : std::span(cases).subspan(1)) {
    const auto source = c["template"].get<std::string>();
    const bool fails = c.value("fails", false);
    try {
      const std::string text = Rendered(source, c.value("variables", defaults));
      EXPECT_FALSE(fails) << source << "\ngave " << text;
      EXPECT_EQ(text, c.value("expected", text)) << source;
    } catch (const Error& error) {
      EXPECT_TRUE(fails) << source << "\nthrew " << error.what();
    }
  }
}

TEST(ChatTemplate, TemplatesOfRealModelsRenderAsInTransformers) {
  const auto goldens = SharedGoldens();
  if (goldens.empty() || !std::filesystem::exists(goldens / "chat" / "cases.jsonl"))
    GTEST_SKIP()
        << "no goldens/chat in $TESSERA_SHARED or ../shared: templates of real models are not in the repository";
  for (const Json& c : ReadJsonLines(goldens / "chat" / "cases.jsonl")) {
    const auto name = c["template"].get<std::string>();
    const ChatTemplate chat(Slurp(goldens / "chat" / "templates" / (name + ".jinja")));
    Json variables = c;
    for (const char* key : {"template", "case", "expected", "error", "now"}) variables.erase(key);
    SCOPED_TRACE(name + " " + c["case"].get<std::string>());
    if (!c.contains("error")) {
      EXPECT_EQ(chat.Render(variables), c["expected"].get<std::string>());
      continue;
    }
    try {
      chat.Render(variables);
      ADD_FAILURE() << "rendered instead of refusing";
    } catch (const TemplateException& refusal) {
      EXPECT_EQ(refusal.what(), c["error"].get<std::string>());
    }
  }
}

TEST(ChatTemplate, ARefusalCarriesExactlyTheMessageAndItsLine) {
  try {
    Rendered("a\n{{ raise_exception('Roles must alternate!') }}");
    FAIL();
  } catch (const TemplateException& refusal) {
    EXPECT_STREQ(refusal.what(), "Roles must alternate!");
    EXPECT_EQ(refusal.line(), 2);
  }
}

TEST(ChatTemplate, ErrorsNameTheLine) {
  EXPECT_EQ(Failure("\n\n{{ x.y }}"), "template: line 3: 'x' is undefined");
  EXPECT_EQ(Failure("a\n{% if %}"), "template: line 2: expected 'an expression', got 'end of statement block'");
  EXPECT_THAT(Failure("{% for a in [1] %}\n{{ a }}"), HasSubstr("line 2: the template ends inside a block"));
  EXPECT_THAT(Failure("{% foo %}"), HasSubstr("Encountered unknown tag 'foo'."));
  EXPECT_THAT(Failure("{{ 'a }}"), HasSubstr("the string has no end"));
  EXPECT_THAT(Failure("{{ [].append(1) }}"), HasSubstr("access to attribute 'append' of 'list' object is unsafe."));
  EXPECT_THAT(Failure("{{ 1 | nothing }}"), HasSubstr("No filter named 'nothing'."));
  EXPECT_THAT(Failure("\xff"), HasSubstr("not valid UTF-8"));
}

TEST(ChatTemplate, TheClockCanBeSet) {
  std::tm parts{};
  parts.tm_year = 124, parts.tm_mon = 6, parts.tm_mday = 5, parts.tm_hour = 15, parts.tm_min = 4, parts.tm_isdst = -1;
  const auto now = std::chrono::system_clock::from_time_t(std::mktime(&parts));
  EXPECT_EQ(
      ChatTemplate("{{ strftime_now('%d %b %Y %H:%M:%S %p %A %j %-d %y %%') }}").Render(Json::object(), {.now = now}),
      "05 Jul 2024 15:04:00 PM Friday 187 5 24 %");
}

TEST(ChatTemplate, ToolsAndDocumentsAreNoneUnlessGiven) {
  EXPECT_EQ(Rendered("{{ tools is none }} {{ documents }} {{ messages is defined }}"), "True None False");
  EXPECT_EQ(Rendered("{{ tools[0].name }}", {{"tools", {{{"name", "f"}}}}}), "f");
}

TEST(ChatTemplate, EndlessAndHostileTemplatesEndWithAnError) {
  const std::string deep_brackets(100'000, '('), many_nots = "{{ " + [] {
    std::string nots;
    for (int i = 0; i < 50'000; ++i) nots += "not ";
    return nots;
  }() + "1 }}";
  std::string long_sum = "{{ 0", many_ifs;
  for (int i = 0; i < 20'000; ++i) long_sum += " + 1";
  for (int i = 0; i < 20'000; ++i) many_ifs += "{% if 1 %}";
  const std::string hostile[] = {
      "{{ 'a' * 10**12 }}",
      "{{ [1] * 10**12 }}",
      "{{ range(10**12) }}",
      "{{ range(10**30) | list }}",
      "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
      "{% set ns = namespace(s='aaaaaaaaaaaaaaaa') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
      "{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
      "{% set ns = namespace(l=[1]) %}{% for i in range(90) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
      "{% set ns = namespace(l=[1]) %}{% for i in range(90) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l | "
      "tojson }}",
      "{% set ns = namespace(l=(1,)) %}{% for i in range(90) %}{% set ns.l = (ns.l, ns.l) %}{% endfor %}{{ {ns.l: 1} "
      "}}",
      "{% set ns = namespace(l=[1], m=[1]) %}{% for i in range(90) %}{% set ns.l = [ns.l, ns.l] %}"
      "{% set ns.m = [ns.m, ns.m] %}{% endfor %}{{ ns.l == ns.m }}",
      "{% set ns = namespace(l=[]) %}{% for i in range(99999) %}{% set ns.l = [ns.l] %}{% endfor %}",
      "{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}",
      "{% set ns = namespace(g=[1]) %}{% for i in range(9999) %}{% set ns.g = ns.g | map('string') %}{% endfor %}",
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
      "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
      "{{ '%999999999999d' % 1 }}",
      "{{ '%.999999999f' % 1.5 }}",
      "{{ '{:999999999999}'.format(1) }}",
      "{{ 'a'.ljust(10**15) }}",
      "{{ 'a' | center(10**15) }}",
      "{{ 'a' | indent(10**15) }}",
      "{{ 2 ** 2 ** 2 ** 2 ** 9999999999 }}",
      "{{ ('a' * 1000000).replace('a', 'b' * 1000000) }}",
      "{{ ('a' * 10000) | replace('', 'b' * 1000000) }}",
      "{{ ('a' * 100000).join(range(99999) | map('string')) }}",
      "{% for i in range(99999) %}{{ 'a' * 100000 }}{% endfor %}",
      "{{ [1, 2, 3] | batch(10**12, 0) }}",
      "{{ [1, 2, 3] | slice(10**12, 0) }}",
      "{{ " + deep_brackets,
      "{{ " + std::string(50'000, '-') + "1 }}",
      many_nots,
      long_sum + " }}",
      many_ifs,
      "{{ a" + std::string(300'000, '.') + " }}",
  };
  for (const std::string& source : hostile) EXPECT_NE(Failure(source), "") << source.substr(0, 120);
}

TEST(ChatTemplate, CountsMayBeTheEndsOfTheIntegers) {
  const auto rendered = [](const std::string& expression) {
    return Rendered("{% set most = 2**126 + (2**126 - 1) %}{% set least = -most - 1 %}{{ " + expression + " }}");
  };
  EXPECT_EQ(rendered("most"), "170141183460469231731687303715884105727");
  EXPECT_EQ(rendered("'%d' % least"), "-170141183460469231731687303715884105728");
  EXPECT_EQ(rendered("'a b'.split(none, least)"), "['a', 'b']");
  EXPECT_EQ(rendered("'a b'.rsplit(none, least)"), "['a', 'b']");
  EXPECT_EQ(rendered("'a-b'.split('-', least)"), "['a', 'b']");
  EXPECT_EQ(rendered("'a-b'.rsplit('-', most)"), "['a', 'b']");
  EXPECT_EQ(rendered("'aa'.replace('a', 'b', least)"), "bb");
  EXPECT_EQ(rendered("'a b c' | truncate(most)"), "a b c");
  EXPECT_EQ(rendered("'a b c' | truncate(4, leeway=most)"), "a b c");
  EXPECT_EQ(rendered("'a' | center(least)"), "a");
  EXPECT_EQ(rendered("'-1'.zfill(least)"), "-1");
  EXPECT_EQ(rendered("[1, 2] | batch(least, 0) | list"), "[[1, 2]]");
  EXPECT_EQ(rendered("[1, 2].index(2, least, most)"), "1");
  EXPECT_EQ(rendered("'abc'.find('c', least)"), "2");
  EXPECT_EQ(rendered("'16' | int(7, 2**64 + 16)"), "16");  // no base: the text is read as a float
  EXPECT_THAT(Failure("{{ '%*d' % (-(2**126) - 2**126, 1) }}"), HasSubstr("bytes of memory"));
  EXPECT_THAT(Failure("{{ (2**126 + (2**126 - 1)) | round(-38) }}"), HasSubstr("leaves 128 bits"));
  EXPECT_EQ(Rendered("{{ '{0[18446744073709551615]}'.format([1, 2]) }}"), "");  // not the last one
}

TEST(ChatTemplate, LimitsAreKept) {
  EXPECT_THAT(Failure("{% for i in range(1000) %}{% endfor %}", {.steps = 500}), HasSubstr("more than 500 steps"));
  EXPECT_THAT(Failure("{{ 'a' * 100 }}", {.output_bytes = 50}), HasSubstr("writes more than 50 bytes"));
  EXPECT_THAT(Failure("{{ 'a' * 10000 }}", {.memory_bytes = 5000}), HasSubstr("more than 5000 bytes of memory"));
  EXPECT_THAT(Failure("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
                      {.steps = uint64_t{1} << 60, .time = std::chrono::milliseconds(30)}),
              HasSubstr("longer than 30 ms"));
  EXPECT_THAT(Failure("aaaaaaaaaa", {.template_bytes = 5}), HasSubstr("10 bytes, the limit is 5"));
  EXPECT_THAT(Failure("{{ ((((((1)))))) }}", {.nesting = 5}), HasSubstr("nested deeper than 5 levels"));
}

TEST(ChatTemplate, ManyThreadsMayRenderOneTemplate) {
  const ChatTemplate chat("{% for m in messages %}{{ m.role ~ ': ' ~ m['content'] | trim }}\n{% endfor %}");
  const Json variables = {{"messages", {{{"role", "user"}, {"content", " hi "}}}}};
  std::vector<std::thread> threads;
  std::vector<std::string> texts(4);
  for (std::string& text : texts) threads.emplace_back([&] { text = chat.Render(variables); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(texts, testing::Each("user: hi\n"));
}

}  // namespace
}  // namespace tessera::text
