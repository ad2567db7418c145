#include "tessera/weights/plain_yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"

namespace tessera::weights {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(PlainYaml, MappingsListsAndValues) {
  const Json json = ParsePlainYaml(R"(# sizes
model:
  rate: 4.5e-06   # small
  target: taming.models.vqgan.VQModel
  params:
    width: 256
    double: false
    nothing: ~
    empty:
    levels:
    - 1
    - -2
    more:
      - "a # b"
    none: []
    some: [1, 2.5, x]
last: 'it'
)",
                                   "test");
  EXPECT_EQ(json, Json::parse(R"({"model": {"rate": 4.5e-06, "target": "taming.models.vqgan.VQModel", "params":
    {"width": 256, "double": false, "nothing": null, "empty": null, "levels": [1, -2], "more": ["a # b"], "none": [],
     "some": [1, 2.5, "x"]}}, "last": "it"})"));
  EXPECT_EQ(ParsePlainYaml("---\n- 1\n- 2\n", "test"), Json::parse("[1, 2]"));
  EXPECT_EQ(ParsePlainYaml("# nothing\n\n", "test"), Json());
}

TEST(PlainYaml, WhatIsNotPlainIsRefusedWithItsLine) {
  const auto refused = [](const std::string& text, const char* message) {
    EXPECT_THAT([&] { ParsePlainYaml(text, "test"); }, ThrowsMessage<Error>(HasSubstr(message))) << text;
  };
  refused("a: 1\na: 2", "test: line 2: its key stands twice");
  refused("a:\n  b: 1\n c: 2", "test: line 3: its indentation fits no line above");
  refused("\ta: 1", "line 1: a tab begins it");
  refused("just words", "line 1: a line must be");
  refused("a: *anchor", "line 1: this kind of value");
  refused("a: |", "line 1: this kind of value");
  refused("a: [1, 2", "a list in brackets must end on its line");
  refused("a: [1,, 2]", "a value is missing");
  refused("- a: 1", "an item of a list must be a plain value");
  refused("a: \"b", "a text in quotes must end on its line");
  refused("a: \"", "a text in quotes must end on its line");  // the quote that opens is not the one that closes
  refused("\"a\": 1", "a key must be a plain word");
  std::string deep;
  for (int i = 0; i < 40; ++i) deep += std::string(static_cast<size_t>(i), ' ') + "a:\n";
  refused(deep + std::string(40, ' ') + "b: 1", "too many levels");
  refused(std::string((size_t{1} << 20) + 1, '#'), "more than");
}

}  // namespace
}  // namespace tessera::weights
