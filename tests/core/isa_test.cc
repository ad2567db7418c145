#include "tessera/core/isa.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "kernels/for_each_isa.h"
#include "tessera/core/error.h"

namespace tessera {
namespace {

TEST(Isa, NamesAreReadBack) {
  for (const Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Vnni, Isa::kAvx512Bf16, Isa::kNeon}) {
    EXPECT_EQ(IsaFromName(Name(isa)), isa);
  }
}

TEST(Isa, AnUnknownNameIsAnErrorThatListsTheNames) {
  try {
    IsaFromName("avx1024");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("avx512_vnni"), std::string::npos) << error.what();
  }
}

TEST(Isa, TheLiveSetIsSupported) { EXPECT_EQ(std::ranges::count(SupportedIsas(), LiveIsa()), 1); }

TEST(Isa, ForcingASetMakesItLiveAndTheFirstReturns) {
  const Isa before = LiveIsa();
  ForEachIsa([](Isa isa) { EXPECT_EQ(LiveIsa(), isa); });
  EXPECT_EQ(LiveIsa(), before);
}

TEST(Isa, ASetThatTheMachineLacksIsRefused) {
#if defined(__x86_64__)
  EXPECT_THROW(ForceIsa(Isa::kNeon), Error);
#else
  EXPECT_THROW(ForceIsa(Isa::kAvx2), Error);
#endif
}

}  // namespace
}  // namespace tessera
