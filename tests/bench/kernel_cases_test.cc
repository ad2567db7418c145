#include "bench/kernel_cases.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "bench/roofline.h"

namespace tessera::bench {
namespace {

TEST(KernelCases, RunAndCountBytesUnderNamesOfTheirOwn) {
  const CaseSizes small{.inputs = 256,
                        .outputs = 128,
                        .rows = {1, 3},
                        .operator_rows = {2},
                        .tokens = 70,
                        .heads = 8,
                        .memory = int64_t{1} << 18};
  std::set<std::string> names;
  for (const KernelCase& kernel : KernelCases(small)) {
    SCOPED_TRACE(kernel.name);
    EXPECT_TRUE(names.insert(kernel.name).second);
    EXPECT_GT(kernel.bytes, 0);
    const std::function<void()> run = kernel.prepare();
    for (int i = 0; i < 3; ++i) run();  // weights and caches take turns
  }
}

TEST(Roofline, PutsAPointOnItsRoofWhereTheTwoAreEqual) {
  const std::string svg = DrawRoofline(1e10, {{"int8", 1e11}}, {{"a kernel", 100, 1e11}});
  const size_t roof = svg.find("stroke='#333'"), circle = svg.find("<circle");
  ASSERT_NE(roof, std::string::npos);
  ASSERT_NE(circle, std::string::npos);
  const auto number_after = [&](size_t from, const std::string& key) {
    return std::stod(svg.substr(svg.find(key, from) + key.size()));
  };
  const size_t line = svg.rfind("<line", roof);
  EXPECT_EQ(number_after(line, "y1='"), number_after(circle, "cy='"));
  EXPECT_NE(svg.find("1  a kernel"), std::string::npos);
}

}  // namespace
}  // namespace tessera::bench
