// The three functions of libhwy that Highway's headers call, so that the program need not load it: libhwy 1.0.3 times
// the processor's clock in a static initialiser, which takes 3 ms of every start.

#include <hwy/targets.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace hwy {
namespace {

#if defined(__x86_64__)
bool HasBit(unsigned leaf, unsigned bit) {  // of ECX
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(leaf, &a, &b, &c, &d) != 0 && (c >> bit & 1) != 0;
}

// What Highway asks of each target. The compiler's run-time library also asks whether the system keeps the registers.
int64_t Detect() {
  constexpr unsigned kBasic = 1, kF16c = 29, kExtended = 0x80000001, kLzcnt = 5;
  __builtin_cpu_init();
  int64_t targets = HWY_SCALAR;
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
                    __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("pclmul") &&
                    __builtin_cpu_supports("aes") && HasBit(kBasic, kF16c) && HasBit(kExtended, kLzcnt);
  if (!avx2) return targets;
  targets |= HWY_AVX2;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw"))
    targets |= HWY_AVX3;
  return targets;
}
#else
int64_t Detect() { return HWY_STATIC_TARGET | HWY_SCALAR; }
#endif

}  // namespace

int64_t SupportedTargets() {
  static const int64_t targets = Detect();
  return targets;
}

ChosenTarget& GetChosenTarget() {
  static ChosenTarget chosen;
  return chosen;
}

// A failed assertion of a debug build.
void Abort(const char* file, int line, const char* format, ...) {
  std::va_list values;
  va_start(values, format);
  std::fprintf(stderr, "%s:%d: ", file, line);
  std::vfprintf(stderr, format, values);
  std::fputc('\n', stderr);
  va_end(values);
  std::abort();
}

}  // namespace hwy
