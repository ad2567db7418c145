#include "tessera/infer/model_cost.h"

#include <array>

#include "tessera/kernels/kv_pages.h"

namespace tessera::infer {
namespace {

kernels::PeakKind KindOf(DType dtype) {
  if (IsQuantized(dtype)) return kernels::PeakKind::kInt8;
  return dtype == DType::kBF16 ? kernels::PeakKind::kBf16 : kernels::PeakKind::kF32;
}

}  // namespace

ModelCost CostOf(models::LanguageModel& model, DType cache_dtype) {
  ModelCost cost;
  std::array<int64_t, 3> bytes_of_kind{};
  const nn::Parameters& weights = model.parameters();
  const auto is_output = [](std::string_view name) { return name.ends_with("lm_head.weight"); };
  bool tied = true;
  for (const std::string& name : weights.names()) tied = tied && !is_output(name);
  for (const std::string& name : weights.names()) {
    if (!name.starts_with("model.") && !is_output(name)) continue;  // a vision tower's, which tokens do not read
    const Tensor& weight = weights.Get(name);
    const int64_t bytes = BytesFor(weight.dtype(), weight.numel());
    const bool table = name.ends_with("embed_tokens.weight");
    if (table && !tied) continue;
    if (table || is_output(name)) {
      cost.logits_bytes += bytes;
      cost.logits_operations += 2 * weight.numel();
      continue;
    }
    cost.weight_bytes += bytes;
    if (weight.rank() < 2) continue;
    cost.row_operations += 2 * weight.numel();
    bytes_of_kind[static_cast<size_t>(KindOf(weight.dtype()))] += bytes;
  }
  for (const kernels::PeakKind kind : {kernels::PeakKind::kBf16, kernels::PeakKind::kInt8})
    if (bytes_of_kind[static_cast<size_t>(kind)] > bytes_of_kind[static_cast<size_t>(cost.kind)]) cost.kind = kind;
  for (const models::KvShape& kv : model.summary().kv) {
    const kernels::KvPageFormat page{cache_dtype, kv.kv_heads, kv.key_dim, kv.value_dim};
    cost.cache_bytes += page.page_bytes() / kernels::kPageTokens;
  }
  return cost;
}

}  // namespace tessera::infer
