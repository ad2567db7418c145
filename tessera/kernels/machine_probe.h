#pragma once
// What this machine can do at best, measured: the yardstick for every kernel.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace tessera::kernels {

// The multiply that a peak is measured with; `kBf16` and `kInt8` are 0 where the live instruction set has no dot
// products for them.
enum class PeakKind : uint8_t { kF32, kBf16, kInt8 };
std::string_view Name(PeakKind kind);

// Operations a second (a multiply and an add count as two) of all threads together, with every operand in a register.
// Takes about a third of a second.
double MeasurePeak(PeakKind kind);

// Bytes a second that all threads together read from memory, in order, from a buffer that no cache holds (256 MiB of
// huge pages, where the system gives them). Each measure is the best of eight passes and takes about 40 ms. Machines
// that are shared give their memory's speed to whoever asks: what is compared with it should run just before and after.
class ReadProbe {
 public:
  ReadProbe();
  double Measure() const;

 private:
  std::shared_ptr<std::byte> memory_;
};

// The best of five such measures.
double MeasureReadBandwidth();

}  // namespace tessera::kernels
