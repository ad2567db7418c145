#include "tessera/kernels/cpu/product_finish.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tessera/kernels/cpu/product_finish.cc"
#include "tessera/kernels/cpu/targets.h"
// after targets.h:
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "tessera/kernels/cpu/gelu-inl.h"
#include "tessera/kernels/cpu/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;
using lanes::Vector;

// f of each value of y, rounded as it is there.
template <typename F>
void ActivateRows(const SumsToFinish& args, const F& f) {
  lanes::WithType(args.dtype, [&]<typename T>(T) HWY_ATTR {
    T* y = reinterpret_cast<T*>(args.y);
    for (int64_t r = 0; r < args.rows; ++r, y += args.y_stride) lanes::Map(args.columns, y, f, y);
  });
}

void FinishRowsOfSums(const SumsToFinish& f) {
  lanes::WithType(f.dtype, [&]<typename T>(T) HWY_ATTR {
    T* y = reinterpret_cast<T*>(f.y);
    for (int64_t r = 0; r < f.rows; ++r) {
      const float* sums = f.sums + r * f.stride;
      if (f.bias != nullptr) {
        lanes::Map(
            f.columns, y + r * f.y_stride, [](Vector sum, Vector bias) HWY_ATTR { return hn::Add(sum, bias); }, sums,
            f.bias);
      } else {
        lanes::Map(
            f.columns, y + r * f.y_stride, [](Vector sum) HWY_ATTR { return sum; }, sums);
      }
    }
  });
  if (f.activation == Activation::kGelu) ActivateRows(f, lanes::GeluOf());
  if (f.activation == Activation::kGeluTanh) ActivateRows(f, lanes::GeluTanhOf());
  if (f.activation == Activation::kQuickGelu) ActivateRows(f, lanes::QuickGeluOf());
}

}  // namespace
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {
namespace {
HWY_EXPORT(FinishRowsOfSums);
}  // namespace

void FinishSums(const SumsToFinish& finish) { TESSERA_DISPATCH(FinishRowsOfSums)(finish); }

}  // namespace tessera::kernels
#endif
