#pragma once
// SHA-256 (FIPS 180-4): the digest that proves a downloaded file is the one that was meant.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tessera {

class Sha256 {
 public:
  void Update(std::string_view bytes);
  // The digest of all bytes so far as 64 hexadecimal digits, lower case. The object is used up.
  std::string Finish();

 private:
  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};  // section 5.3.3
  std::array<unsigned char, 64> block_{};
  size_t filled_ = 0;
  uint64_t bytes_ = 0;

  void Compress(const unsigned char* block);
};

}  // namespace tessera
