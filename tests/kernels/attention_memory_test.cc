// Attention never holds an N x N matrix: at 65,536 tokens it takes less than 64 MB beside its operands and results.
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "kernels/attention_cases.h"

namespace tessera::kernels {
namespace {

constexpr int64_t kTokens = 65536;
constexpr int64_t kMost = 64'000'000;

// A line "VmHWM:   1234 kB" of /proc/self/status, in bytes; 0 where there is none.
int64_t Status(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name + ":")) return std::stoll(line.substr(name.size() + 1)) * 1024;
  }
  return 0;
}

// A sanitizer's own memory would be counted too.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// Makes the present resident size the peak. False where the system cannot.
bool ResetPeak() {
  if (kSanitized) return false;
  std::ofstream refs("/proc/self/clear_refs");
  return static_cast<bool>(refs << "5" << std::flush);
}

// How far the resident size rises above its start while `body` runs, less the `results` bytes that it returns.
template <typename Body>
int64_t ExtraBytes(int64_t results, const Body& body) {
  const int64_t before = Status("VmRSS");
  body();
  return Status("VmHWM") - before - results;
}

class AttentionMemory : public testing::TestWithParam<int64_t> {};

TEST_P(AttentionMemory, StaysBelow64MegabytesAt65536Tokens) {
  if (!ResetPeak() || Status("VmHWM") == 0) GTEST_SKIP() << "this system does not tell the peak of the memory";
  const int64_t heads = GetParam(), dim = heads == 1 ? 64 : 16;
  AttentionCase c{"long", OneSequence(kTokens, kTokens), heads, heads, dim, dim};
  c.pattern.window = 70;  // the sizes are those of full attention; the time is not
  for (DType dtype : {DType::kF32, DType::kBF16}) {
    const AttentionOperands x = c.Operands(1, dtype);
    const int64_t o_bytes = x.q.bytes() + kTokens * heads * 4;
    AttentionResult result;
    ASSERT_TRUE(ResetPeak());
    EXPECT_LT(ExtraBytes(o_bytes, [&] { result = Attention(x, c.Spec()); }), kMost) << Name(dtype);
    AttentionOperands gradients;
    ASSERT_TRUE(ResetPeak());
    EXPECT_LT(ExtraBytes(3 * x.q.bytes(), [&] { gradients = AttentionVjp(x, c.Spec(), result, result.o); }), kMost)
        << Name(dtype);
    Tensor tangent;
    ASSERT_TRUE(ResetPeak());
    EXPECT_LT(ExtraBytes(x.q.bytes(), [&] { tangent = AttentionJvp(x, c.Spec(), result, x); }), kMost) << Name(dtype);
  }
}

TEST_P(AttentionMemory, StaysBelow64MegabytesForTheLastQueriesOfAllTokens) {
  if (!ResetPeak() || Status("VmHWM") == 0) GTEST_SKIP() << "this system does not tell the peak of the memory";
  const int64_t heads = GetParam();
  for (int64_t queries : {1, 16, 40}) {
    const AttentionCase c{"long", OneSequence(queries, kTokens), heads, heads, 16, 16};
    const AttentionOperands x = c.Operands(1);
    AttentionResult result;
    ASSERT_TRUE(ResetPeak());
    EXPECT_LT(ExtraBytes(x.q.bytes(), [&] { result = Attention(x, c.Spec()); }), kMost) << queries;
  }
}

INSTANTIATE_TEST_SUITE_P(Heads, AttentionMemory, testing::Values(1, 8));

}  // namespace
}  // namespace tessera::kernels
