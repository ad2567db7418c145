#include "tessera/math/numeric/lapack.h"

#include <dlfcn.h>

#include "tessera/core/error.h"

namespace tessera::math::numeric {
namespace {

template <typename Function>
void Find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  Require(function != nullptr, "LAPACK: {} is missing in the library", name);
}

Lapack Open() {
  void* library = nullptr;
  for (const char* name : {"libopenblas.so.0", "libopenblas.so", "liblapack.so.3", "liblapack.so"}) {
    library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library != nullptr) break;
  }
  Require(library != nullptr, "LAPACK: no library was found; install libopenblas0-pthread");
  Lapack lapack;
  Find(library, "dpotrf_", lapack.dpotrf);
  Find(library, "dpotrs_", lapack.dpotrs);
  Find(library, "dpotri_", lapack.dpotri);
  Find(library, "dsytrf_", lapack.dsytrf);
  Find(library, "dsytrs_", lapack.dsytrs);
  Find(library, "dgemm_", lapack.dgemm);  // LAPACK's library finds it in the BLAS that it needs
  return lapack;
}

}  // namespace

const Lapack& FindLapack() {
  static const Lapack lapack = Open();
  return lapack;
}

}  // namespace tessera::math::numeric
