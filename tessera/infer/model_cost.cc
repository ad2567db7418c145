#include "tessera/infer/model_cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "tessera/kernels/kv_pages.h"
#include "tessera/math/numeric/coverage.h"

namespace tessera::infer {
namespace {

// What the keys and values of a row are made with; a layer's other matrices work for its results.
constexpr std::array kKeysAndValues = {"k_proj.weight", "v_proj.weight", "kv_a_proj_with_mqa.weight"};

kernels::PeakKind KindOf(DType dtype) {
  if (IsQuantized(dtype)) return kernels::PeakKind::kInt8;
  return dtype == DType::kBF16 ? kernels::PeakKind::kBf16 : kernels::PeakKind::kF32;
}

}  // namespace

double ModelCost::ExpertsRead(int64_t rows) const {
  return experts > 0 ? math::numeric::ExpectedDistinct(experts, chosen, static_cast<double>(rows)) : 0;
}

double ModelCost::WeightBytes(int64_t rows) const {
  const double read = experts > 0 ? ExpertsRead(rows) / static_cast<double>(experts) : 0;
  return static_cast<double>(weight_bytes) + read * static_cast<double>(expert_bytes);
}

ModelCost CostOf(models::LanguageModel& model, DType cache_dtype) {
  ModelCost cost;
  std::array<int64_t, 3> bytes_of_kind{};
  const nn::Parameters& weights = model.parameters();
  const auto is_output = [](std::string_view name) { return name.ends_with("lm_head.weight"); };
  const models::ModelSummary& summary = model.summary();
  cost.experts = summary.experts;
  cost.chosen = summary.chosen;
  // Operations of matrices that work for all rows and of the last layer's, and in both of the experts.
  struct Operations {
    int64_t plain = 0, routed = 0;
    int64_t Of(const models::ModelSummary& s) const {
      return plain + (s.experts > 0 ? routed * s.chosen / s.experts : 0);
    }
  } all_rows, last_layer;
  const std::string last = fmt::format("layers.{}.", summary.layers() - 1);
  bool tied = true;
  for (const std::string& name : weights.names()) tied = tied && !is_output(name);
  for (const std::string& name : weights.names()) {
    const bool text = name.starts_with("model.") || name.starts_with("language_model.");
    if (!text && !is_output(name)) continue;  // a vision tower's, which tokens do not read
    const Tensor& weight = weights.Get(name);
    const bool routed = summary.experts > 0 && name.find(".mlp.experts.") != std::string::npos;
    const int64_t bytes = BytesFor(weight.dtype(), weight.numel());
    const bool table = name.ends_with("embed_tokens.weight");
    if (table && !tied) continue;
    if (table || is_output(name)) {
      cost.logits_bytes += bytes;
      cost.logits_operations += 2 * weight.numel();
      continue;
    }
    (routed ? cost.expert_bytes : cost.weight_bytes) += bytes;
    if (weight.rank() < 2) continue;
    const bool makes_keys = std::ranges::any_of(kKeysAndValues, [&](const char* k) { return name.ends_with(k); });
    Operations& operations = name.find(last) != std::string::npos && !makes_keys ? last_layer : all_rows;
    (routed ? operations.routed : operations.plain) += 2 * weight.numel();
    bytes_of_kind[static_cast<size_t>(KindOf(weight.dtype()))] += bytes;
  }
  cost.row_operations = all_rows.Of(summary);
  cost.logits_operations += last_layer.Of(summary);
  for (const kernels::PeakKind kind : {kernels::PeakKind::kBf16, kernels::PeakKind::kInt8})
    if (bytes_of_kind[static_cast<size_t>(kind)] > bytes_of_kind[static_cast<size_t>(cost.kind)]) cost.kind = kind;
  for (const models::KvShape& kv : model.summary().kv)
    cost.cache_bytes += kv.Format(cache_dtype).page_bytes() / kernels::kPageTokens;
  return cost;
}

}  // namespace tessera::infer
