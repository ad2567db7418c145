#include "tessera/kernels/cpu/stream_ahead.h"

#include <charconv>
#include <cstdlib>
#include <string_view>

#include "tessera/core/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace tessera::kernels {
namespace {

// AMD's family 19h, Zen 3 and 4.
bool ReadsAheadByItself() {
#if defined(__x86_64__)
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(0, &eax, &ebx, &ecx, &edx) == 0 || ebx != signature_AMD_ebx || edx != signature_AMD_edx ||
      ecx != signature_AMD_ecx)
    return false;
  __get_cpuid(1, &eax, &ebx, &ecx, &edx);
  const unsigned base = eax >> 8 & 15, extended = eax >> 20 & 255;
  return base == 15 && base + extended == 0x19;
#else
  return true;
#endif
}

int64_t Distance() {
  constexpr int64_t kDistance = 6144, kMost = 1 << 20;
  const char* text = std::getenv("TESSERA_STREAM_AHEAD");
  if (text == nullptr) return ReadsAheadByItself() ? 0 : kDistance;
  const std::string_view digits(text);
  int64_t bytes = -1;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), bytes);
  Require(error == std::errc() && end == digits.end() && bytes >= 0 && bytes <= kMost,
          "TESSERA_STREAM_AHEAD: \"{}\" is not a number of bytes from 0 to {}", text, kMost);
  return bytes;
}

}  // namespace

int64_t StreamAhead() {
  static const int64_t distance = Distance();
  return distance;
}

}  // namespace tessera::kernels
