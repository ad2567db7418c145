#pragma once
// Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011): a counter-based random generator. The n-th value of a stream is a
// pure function of (seed, stream, n): it can be computed anywhere, in any order, by any thread, with the same result.

#include <array>
#include <cstdint>

namespace tessera {

// The four 32-bit words of block `counter` under `key`: ten rounds of Philox4x32 (section 4.3 of the paper).
std::array<uint32_t, 4> Philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

class Random {
 public:
  explicit Random(uint64_t seed, uint64_t stream = 0) : seed_(seed), stream_(stream) {}

  uint32_t Next();                 // 32 uniform bits
  uint64_t Next64();               // 64 uniform bits
  double Uniform();                // [0, 1), 53 bits
  double Normal();                 // mean 0, variance 1 (Box and Muller 1958)
  uint64_t Below(uint64_t bound);  // 0 … bound - 1 without bias (Lemire 2019); bound > 0

  uint64_t position() const { return position_; }  // 32-bit words drawn so far; with seed and stream, the whole state
  void Seek(uint64_t position) { position_ = position; }

 private:
  uint64_t seed_, stream_, position_ = 0;
};

}  // namespace tessera
