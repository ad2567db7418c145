#include "tessera/core/random.h"

#include <cmath>
#include <numbers>

namespace tessera {
namespace {

constexpr uint32_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;  // table 2 of the paper
constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;              // golden ratio, sqrt(3) - 1

__extension__ using Wide = unsigned __int128;

}  // namespace

std::array<uint32_t, 4> Philox(std::array<uint32_t, 4> c, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{kMultiplier0} * c[0], p1 = uint64_t{kMultiplier1} * c[2];
    c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ key[0], static_cast<uint32_t>(p1),
         static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ key[1], static_cast<uint32_t>(p0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return c;
}

uint32_t Random::Next() {
  const uint64_t block = position_ / 4;
  const auto words = Philox({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32),
                             static_cast<uint32_t>(stream_), static_cast<uint32_t>(stream_ >> 32)},
                            {static_cast<uint32_t>(seed_), static_cast<uint32_t>(seed_ >> 32)});
  return words[position_++ % 4];
}

uint64_t Random::Next64() {
  const uint64_t low = Next();
  return low | uint64_t{Next()} << 32;
}

double Random::Uniform() { return static_cast<double>(Next64() >> 11) * 0x1p-53; }

double Random::Normal() {
  const double radius = std::sqrt(-2.0 * std::log1p(-Uniform()));  // 1 - u is in (0, 1]
  return radius * std::cos(2.0 * std::numbers::pi * Uniform());
}

uint64_t Random::Below(uint64_t bound) {
  // The upper half of x · bound is uniform once the few x whose lower half falls below 2^64 mod bound are redrawn.
  const uint64_t threshold = (0 - bound) % bound;
  for (;;) {
    const Wide product = static_cast<Wide>(Next64()) * bound;
    if (static_cast<uint64_t>(product) >= threshold) return static_cast<uint64_t>(product >> 64);
  }
}

}  // namespace tessera
