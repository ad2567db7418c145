// How a kernel is compiled once for each instruction set with Highway. A kernel's file reads, in this order:
//
//   #include "tessera/kernels/rms_norm.h"                          // its contract
//   #undef HWY_TARGET_INCLUDE
//   #define HWY_TARGET_INCLUDE "tessera/kernels/cpu/rms_norm.cc"   // the file itself, read again for every set
//   #include "tessera/kernels/cpu/targets.h"                       // before anything of Highway
//   #include <hwy/foreach_target.h>
//   #include <hwy/highway.h>
//   HWY_BEFORE_NAMESPACE();
//   namespace tessera::kernels::HWY_NAMESPACE {
//   namespace hn = hwy::HWY_NAMESPACE;
//   void RmsNormRow(…) { … }
//   }
//   HWY_AFTER_NAMESPACE();
//   #if HWY_ONCE
//   namespace tessera::kernels {
//   HWY_EXPORT(RmsNormRow);
//   void RmsNorm(…) { TESSERA_DISPATCH(RmsNormRow)(…); }
//   }
//   #endif
//
// Sets: portable (HWY_SCALAR: one lane; code that shuffles lanes needs an alternative), AVX2, AVX3 (AVX-512 F, VL, DQ
// and BW) and NEON. Everything inside HWY_BEFORE_NAMESPACE may use the set's instructions, lambdas included if they are
// marked HWY_ATTR; templates of the standard library should stay outside, since another file may share their code.
#ifndef TESSERA_KERNELS_CPU_TARGETS_H_
#define TESSERA_KERNELS_CPU_TARGETS_H_

#include "tessera/core/isa.h"

// Highway 1.0.3's AVX3_DL lets the compiler emit AVX-VNNI, which Zen 4 lacks. SSE and SVE would only add compile time.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)

// The function of the live instruction set. The comma makes LiveIsa() read TESSERA_ISA before the first choice.
#define TESSERA_DISPATCH(function) (::tessera::LiveIsa(), HWY_DYNAMIC_DISPATCH(function))

#endif  // TESSERA_KERNELS_CPU_TARGETS_H_
