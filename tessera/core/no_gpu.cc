// core/gpu.h in a build without CUDA.
#include "tessera/core/error.h"
#include "tessera/core/gpu.h"

namespace tessera::gpu {
namespace {
[[noreturn]] void FailWithoutCuda() {
  Fail("GPU: this build has no CUDA; configure it with -DTESSERA_CUDA=ON, with nvcc at hand");
}
}  // namespace

bool Available() { return false; }
void RequireAvailable() { FailWithoutCuda(); }
Stream WorkStream() { FailWithoutCuda(); }
void Synchronize() { FailWithoutCuda(); }
std::shared_ptr<std::byte> Allocate(int64_t) { FailWithoutCuda(); }
std::shared_ptr<std::byte> AllocatePinned(int64_t) { FailWithoutCuda(); }
void CopyIn(std::byte*, const std::byte*, int64_t) { FailWithoutCuda(); }
void CopyOut(std::byte*, const std::byte*, int64_t) { FailWithoutCuda(); }
void CopyWithin(std::byte*, const std::byte*, int64_t) { FailWithoutCuda(); }
void CopyInLater(std::byte*, const std::byte*, int64_t) { FailWithoutCuda(); }
void CopyOutLater(std::byte*, const std::byte*, int64_t) { FailWithoutCuda(); }
void FillZeros(std::byte*, int64_t) { FailWithoutCuda(); }

Pool::Pool() { FailWithoutCuda(); }
Pool::~Pool() = default;
Pool::Use::Use(const Pool&) { FailWithoutCuda(); }
Pool::Use::~Use() = default;

void Graph::Launch() const { FailWithoutCuda(); }
Recording::Recording() { FailWithoutCuda(); }
Recording::~Recording() = default;
Graph Recording::Take() { FailWithoutCuda(); }

}  // namespace tessera::gpu
