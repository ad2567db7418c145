#include "tessera/weights/config.h"

#include <gtest/gtest.h>

#include "tessera/core/error.h"

namespace tessera::weights {
namespace {

Json Normalize(const char* text) { return NormalizeConfig(ParseJson(text, "test"), "test"); }

TEST(Config, OlderKeysBecomeRopeParameters) {
  const Json config = Normalize(R"({"rope_theta": 5e5, "rope_scaling": {"type": "yarn", "factor": 4}})");
  EXPECT_EQ(config["rope_parameters"]["rope_type"], "yarn");
  EXPECT_EQ(config["rope_parameters"]["factor"], 4);
  EXPECT_EQ(config["rope_parameters"]["rope_theta"], 5e5);
  EXPECT_EQ(config["rope_theta"], 5e5);  // the older keys stay
}

TEST(Config, NewerKeysStayAsTheyAre) {
  const char* text = R"({"rope_parameters": {"rope_type": "llama3", "rope_theta": 1}, "dtype": "float32"})";
  EXPECT_EQ(Normalize(text), ParseJson(text, "test"));
}

TEST(Config, NestedConfigsAreNormalizedToo) {
  const Json config =
      Normalize(R"({"text_config": {"torch_dtype": "bfloat16", "rope_theta": 8, "rope_scaling": null}})");
  EXPECT_EQ(config["text_config"]["dtype"], "bfloat16");
  EXPECT_EQ(config["text_config"]["rope_parameters"]["rope_type"], "default");
}

TEST(Config, WrongKindsAreNamed) {
  EXPECT_THROW(Normalize("[]"), Error);
  EXPECT_THROW(Normalize(R"({"rope_scaling": 3})"), Error);
  EXPECT_THROW(Normalize(R"({"rope_scaling": {"type": 3}})"), Error);
  EXPECT_THROW(Normalize(R"({"rope_parameters": []})"), Error);
}

}  // namespace
}  // namespace tessera::weights
