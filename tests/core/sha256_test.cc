#include "tessera/core/sha256.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

std::string Digest(std::string_view text) {
  Sha256 digest;
  digest.Update(text);
  return digest.Finish();
}

TEST(Sha256, GivesTheDigestsOfTheStandardsExamples) {
  EXPECT_EQ(Digest(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Digest("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(Digest(std::string(1'000'000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PiecesOfAnyLengthGiveTheSameDigest) {
  const std::string text(300, 'x');
  for (size_t n = 1; n < 130; ++n) {
    Sha256 digest;
    for (size_t i = 0; i < text.size(); i += n) digest.Update(std::string_view(text).substr(i, n));
    EXPECT_EQ(digest.Finish(), Digest(text)) << n;
  }
}

}  // namespace
}  // namespace tessera
