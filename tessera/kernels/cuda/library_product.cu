// cuBLASLt sees matrices column by column: y [M, N] row by row is its N × M matrix, and y = x wᵀ is yᵀ = (wᵀ)ᵀ xᵀ, the
// weight a K × N matrix that is transposed, x a K × M matrix.

#include <cublasLt.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <mutex>

#include "tessera/core/error.h"
#include "tessera/core/gpu.h"
#include "tessera/kernels/cuda/library_product.h"

namespace tessera::kernels::cuda {
namespace {

constexpr int64_t kWorkspaceBytes = int64_t{32} << 20;

void Check(cublasStatus_t status, std::string_view what) {
  Require(status == CUBLAS_STATUS_SUCCESS, "product: cuBLASLt: {}: {}", what, cublasLtGetStatusString(status));
}

// Never destroyed: the driver may be gone by then.
struct Library {
  cublasLtHandle_t handle = nullptr;
  std::shared_ptr<std::byte> workspace;
  std::mutex mutex;
};

// What decides which algorithm is best: M, N, K, ld, dtypes, whether there is a bias, and the pointers' alignments.
using Key = std::array<int64_t, 11>;

struct Plan {
  cublasLtMatmulDesc_t description = nullptr;
  cublasLtMatrixLayout_t w = nullptr, x = nullptr, y = nullptr;
  cublasLtMatmulAlgo_t algorithm{};
};

uint32_t Alignment(const void* pointer) {
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  return address == 0 ? 256 : static_cast<uint32_t>(std::min<uintptr_t>(256, address & (~address + 1)));
}

cudaDataType_t TypeOf(DType dtype) { return dtype == DType::kF32 ? CUDA_R_32F : CUDA_R_16BF; }

struct Operands {
  const void *w, *x, *bias;
  void* y;
  int64_t m, n, k, y_stride;
  DType dtype, y_dtype;
};

template <typename Value>
void Set(cublasLtMatmulDesc_t description, cublasLtMatmulDescAttributes_t attribute, const Value& value) {
  Check(cublasLtMatmulDescSetAttribute(description, attribute, &value, sizeof(value)), "a setting");
}

void SetBias(const Plan& plan, const void* bias) {
  if (bias != nullptr) Set(plan.description, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
}

Plan MakePlan(const Library& library, const Operands& o) {
  Plan plan;
  Check(cublasLtMatmulDescCreate(&plan.description, CUBLAS_COMPUTE_32F, CUDA_R_32F), "a description");
  Set(plan.description, CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T);
  Set(plan.description, CUBLASLT_MATMUL_DESC_TRANSB, CUBLAS_OP_N);
  if (o.bias != nullptr) {
    Set(plan.description, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
    Set(plan.description, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, TypeOf(o.y_dtype));
    SetBias(plan, o.bias);
  }
  const auto layout = [](cublasLtMatrixLayout_t* to, DType dtype, int64_t rows, int64_t cols, int64_t stride) {
    Check(
        cublasLtMatrixLayoutCreate(to, TypeOf(dtype), static_cast<uint64_t>(rows), static_cast<uint64_t>(cols), stride),
        "a layout");
  };
  layout(&plan.w, o.dtype, o.k, o.n, o.k);
  layout(&plan.x, o.dtype, o.k, o.m, o.k);
  layout(&plan.y, o.y_dtype, o.n, o.m, o.y_stride);

  cublasLtMatmulPreference_t preference = nullptr;
  Check(cublasLtMatmulPreferenceCreate(&preference), "a preference");
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
    Check(cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof(value)), "a preference");
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, static_cast<uint64_t>(kWorkspaceBytes));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, Alignment(o.w));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, Alignment(o.x));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, Alignment(o.y));
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, Alignment(o.y));
  cublasLtMatmulHeuristicResult_t found{};
  int count = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(library.handle, plan.description, plan.w, plan.x, plan.y,
                                                               plan.y, preference, 1, &found, &count);
  cublasLtMatmulPreferenceDestroy(preference);
  Check(status, "the choice of an algorithm");
  Require(count > 0, "product: cuBLASLt knows no algorithm for [{}, {}] times [{}, {}]ᵀ", o.m, o.k, o.n, o.k);
  plan.algorithm = found.algo;
  return plan;
}

void Multiply(const Operands& o) {
  static Library& library = *[] {
    auto made = std::make_unique<Library>();
    Check(cublasLtCreate(&made->handle), "its start");
    made->workspace = gpu::Allocate(kWorkspaceBytes);
    return made.release();  // never destroyed: the GPU may be gone before it
  }();
  static std::map<Key, Plan>& plans = *std::make_unique<std::map<Key, Plan>>().release();
  const Key key = {o.m,
                   o.n,
                   o.k,
                   o.y_stride,
                   static_cast<int64_t>(o.dtype),
                   static_cast<int64_t>(o.y_dtype),
                   o.bias != nullptr,
                   Alignment(o.w),
                   Alignment(o.x),
                   Alignment(o.y),
                   Alignment(o.bias)};
  const std::lock_guard lock(library.mutex);
  auto plan = plans.find(key);
  if (plan == plans.end()) plan = plans.emplace(key, MakePlan(library, o)).first;
  SetBias(plan->second, o.bias);
  const float one = 1, zero = 0;
  Check(cublasLtMatmul(library.handle, plan->second.description, &one, o.w, plan->second.w, o.x, plan->second.x, &zero,
                       o.y, plan->second.y, o.y, plan->second.y, &plan->second.algorithm, library.workspace.get(),
                       static_cast<size_t>(kWorkspaceBytes), gpu::WorkStream()),
        "a product");
}

}  // namespace

void LibraryProduct(const Tensor& x, const Tensor& w, const Tensor& bias, int64_t first_col, Tensor& y) {
  const int64_t y_bytes = Info(y.dtype()).block_bytes;
  Multiply({w.gpu_data(), x.gpu_data(),
            bias.defined() ? bias.gpu_data<std::byte>() + first_col * Info(bias.dtype()).block_bytes : nullptr,
            y.mutable_gpu_data<std::byte>() + first_col * y_bytes, x.dim(0), w.dim(0), x.dim(1), y.dim(1), x.dtype(),
            y.dtype()});
}

}  // namespace tessera::kernels::cuda
