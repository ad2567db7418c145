#include "tessera/cli/sampling_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"

namespace tessera::cli {
namespace {

TEST(ResolveSampling, FlagsStandOverTheModelsWishesOverTheDefaults) {
  SamplingFlags flags;
  flags.top_p = 0.5f;
  const Json config = {{"temperature", 0.7}, {"top_k", 40}, {"top_p", 0.8}};
  const auto options = ResolveSampling(flags, config, {.min_p = 0.1f});
  EXPECT_EQ(options.temperature, 0.7f);
  EXPECT_EQ(options.top_k, 40);
  EXPECT_EQ(options.top_p, 0.5f);
  EXPECT_EQ(options.min_p, 0.1f);
}

TEST(ResolveSampling, NumbersThatNoOptionCanHoldAreRefused) {
  for (const char* key : {"temperature", "top_k", "top_p"}) {
    for (const double number : {1e300, -1e300, 0x1p62}) {
      try {
        ResolveSampling({}, {{key, number}}, {});
        ADD_FAILURE() << key << " " << number;
      } catch (const Error& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr(key));
      }
    }
  }
}

}  // namespace
}  // namespace tessera::cli
