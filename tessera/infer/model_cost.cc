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
  const models::ModelSummary& summary = model.summary();
  const double at_work =
      summary.experts > 0 ? static_cast<double>(summary.chosen) / static_cast<double>(summary.experts) : 1;
  bool tied = true;
  for (const std::string& name : weights.names()) tied = tied && !is_output(name);
  for (const std::string& name : weights.names()) {
    const bool text = name.starts_with("model.") || name.starts_with("language_model.");
    if (!text && !is_output(name)) continue;  // a vision tower's, which tokens do not read
    const Tensor& weight = weights.Get(name);
    const double share = name.find(".mlp.experts.") == std::string::npos ? 1 : at_work;
    const auto of = [share](int64_t count) { return static_cast<int64_t>(share * static_cast<double>(count)); };
    const int64_t bytes = of(BytesFor(weight.dtype(), weight.numel()));
    const bool table = name.ends_with("embed_tokens.weight");
    if (table && !tied) continue;
    if (table || is_output(name)) {
      cost.logits_bytes += bytes;
      cost.logits_operations += 2 * weight.numel();
      continue;
    }
    cost.weight_bytes += bytes;
    if (weight.rank() < 2) continue;
    cost.row_operations += of(2 * weight.numel());
    bytes_of_kind[static_cast<size_t>(KindOf(weight.dtype()))] += bytes;
  }
  for (const kernels::PeakKind kind : {kernels::PeakKind::kBf16, kernels::PeakKind::kInt8})
    if (bytes_of_kind[static_cast<size_t>(kind)] > bytes_of_kind[static_cast<size_t>(cost.kind)]) cost.kind = kind;
  for (const models::KvShape& kv : model.summary().kv)
    cost.cache_bytes += kv.Format(cache_dtype).page_bytes() / kernels::kPageTokens;
  return cost;
}

}  // namespace tessera::infer
