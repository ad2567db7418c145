// The kernels of a build without CUDA. No tensor can be on a GPU there (core/no_gpu.cc), so nobody comes here; what
// does is told why.
#include "tessera/core/error.h"
#include "tessera/core/gpu.h"
#include "tessera/kernels/cuda/gpu_probe.h"
#include "tessera/kernels/cuda/operators.h"
#include "tessera/kernels/cuda/products.h"

namespace tessera::kernels::cuda {
namespace {
[[noreturn]] void FailWithoutCuda() {
  gpu::RequireAvailable();
  Fail("GPU: this build has no kernels for it");
}
}  // namespace

Tensor WeightToGpu(const Tensor&) { FailWithoutCuda(); }
std::vector<Tensor> Products(const Tensor&, std::span<const WeightAndBias>, DType) { FailWithoutCuda(); }
Tensor ProductSiluMul(const Tensor&, const Tensor&, const Tensor&) { FailWithoutCuda(); }
Tensor WeightRows(const Tensor&, const Tensor&, DType) { FailWithoutCuda(); }

Tensor Add(const Tensor&, const Tensor&) { FailWithoutCuda(); }
Tensor SiluMul(const Tensor&, const Tensor&) { FailWithoutCuda(); }
Tensor Activate(const Tensor&, Activation) { FailWithoutCuda(); }
Tensor Cast(const Tensor&, DType) { FailWithoutCuda(); }
Tensor RmsNorm(const Tensor&, const Tensor&, float) { FailWithoutCuda(); }
std::pair<Tensor, Tensor> AddRmsNorm(const Tensor&, const Tensor&, const Tensor&, float) { FailWithoutCuda(); }
Tensor LikeliestKeys(const Tensor&) { FailWithoutCuda(); }
Tensor LayerNorm(const Tensor&, const Tensor&, const Tensor&, float) { FailWithoutCuda(); }
Tensor Slice(const Tensor&, int, int64_t, int64_t) { FailWithoutCuda(); }
Tensor Concat(std::span<const Tensor>) { FailWithoutCuda(); }
Tensor WithHeadDim(const Tensor&, int64_t) { FailWithoutCuda(); }
Tensor GatherRows(const Tensor&, const Tensor&) { FailWithoutCuda(); }
std::pair<Tensor, Tensor> RotaryTables(const Tensor&, std::span<const float>, std::span<const size_t>, float) {
  FailWithoutCuda();
}
Tensor Rotary(const Tensor&, const Tensor&, const Tensor&, const RotaryOptions&) { FailWithoutCuda(); }
void StoreKv(const KvPages&, const PassPlan&, const Tensor&, const Tensor&) { FailWithoutCuda(); }
Tensor TurnAndStore(const KvPages&, const PassPlan&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                    const Tensor&, RotaryLayout) {
  FailWithoutCuda();
}
void MoveKv(const KvPages&, std::span<const int64_t>, std::span<const int64_t>) { FailWithoutCuda(); }
Tensor Attend(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const AttentionSpec&, const PassPlan&) {
  FailWithoutCuda();
}
Tensor AttendPaged(const Tensor&, const Tensor&, const KvPages&, const AttentionSpec&, const PassPlan&) {
  FailWithoutCuda();
}

std::string GpuName() { FailWithoutCuda(); }
double MeasureCopyBandwidth() { FailWithoutCuda(); }
double MeasureBf16Peak() { FailWithoutCuda(); }

PassPlan::PassPlan(const AttentionPattern&, std::span<const int64_t>, bool) { FailWithoutCuda(); }
UploadArena::UploadArena(int64_t) { FailWithoutCuda(); }
void UploadArena::Upload(int64_t, int64_t) const { FailWithoutCuda(); }
template <typename T>
UploadedList<T>::UploadedList(int64_t, const std::shared_ptr<UploadArena>&) {
  FailWithoutCuda();
}
template <typename T>
void UploadedList<T>::Fill(std::span<const T>) {
  FailWithoutCuda();
}
template class UploadedList<int64_t>;
PassPlan::~PassPlan() = default;
bool PassPlan::Refill(const AttentionPattern&, std::span<const int64_t>) { FailWithoutCuda(); }
struct AttentionPlan::Lists {};
AttentionPlan::~AttentionPlan() = default;

}  // namespace tessera::kernels::cuda
