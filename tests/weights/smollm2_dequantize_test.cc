// The real file of the catalogue against values that another implementation read from it.

#include <gtest/gtest.h>

#include <cmath>

#include "tessera/core/json.h"
#include "tessera/core/mapped_file.h"
#include "tessera/weights/catalogue.h"
#include "tessera/weights/gguf.h"
#include "tessera/weights/quantize_blocks.h"

namespace tessera::weights {
namespace {

TEST(SmolLm2File, DequantizesToTheGoldenValues) {
  const CatalogueEntry* entry = FindInCatalogue("smollm2");
  ASSERT_NE(entry, nullptr);
  if (!IsPulled(*entry)) GTEST_SKIP() << "the file is not here; get it with: tessera pull smollm2";
  const GgufFile file = GgufFile::Open(CataloguePath(*entry));
  const std::string path = TESSERA_TEST_DATA "/smollm2/dequant.json";
  const Json golden = ParseJson(ReadFile(path, 1 << 20), path);
  for (const auto& [name, expected] : golden.items()) {
    const Tensor values = Dequantize(file.Get(name));
    const auto x = values.data<float>();
    double sum = 0, sum_of_squares = 0;
    for (const float value : x) {
      sum += value;
      sum_of_squares += double{value} * value;
    }
    const auto first = expected["first64"].get<std::vector<float>>();
    EXPECT_TRUE(std::equal(first.begin(), first.end(), x.begin())) << name;
    EXPECT_NEAR(sum, expected["sum"].get<double>(), 1e-6 * std::sqrt(expected["sumsq"].get<double>() * values.numel()))
        << name;
    EXPECT_NEAR(sum_of_squares, expected["sumsq"].get<double>(), 1e-9 * expected["sumsq"].get<double>()) << name;
  }
}

}  // namespace
}  // namespace tessera::weights
