// How fast a model's vision tower encodes a picture:
//
//   vision_bench MODEL [WIDTH HEIGHT] [RUNS] [OTHER]
//
// MODEL is a directory or a GGUF file (random_model makes one of any size). The picture is noise of that size; 1280 x
// 720 unless said otherwise. Activations are bf16, and so are weights that the file has in a plain dtype; block formats
// stay what they are. Prints the time to prepare the picture and to encode it, the median of the runs, and the
// arithmetic a second, also as a part of the bf16 peak measured before and after (0 RUNS: only the former); GFLOP count
// products of matrices and of attention alone. With OTHER, the same model in other weights, also how far the tokens are
// from its tokens, computed like MODEL's and in f32 without any rounding: |y - y'| / |y'| over all their values.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

#include "bench/report_errors.h"
#include "tessera/kernels/machine_probe.h"
#include "tessera/models/load.h"
#include "tessera/models/vision.h"
#include "tessera/weights/checkpoint.h"
#include "tessera/weights/locate.h"

namespace tessera::bench {
namespace {

Tensor Noise(int64_t height, int64_t width) {
  Tensor picture = Tensor::Empty({height, width, 3}, DType::kU8);
  uint32_t state = 1;
  for (uint8_t& value : picture.mutable_data<uint8_t>()) {
    state = state * 1664525 + 1013904223;  // Numerical Recipes' generator
    value = static_cast<uint8_t>(state >> 24);
  }
  return picture;
}

template <typename Body>
double MedianSeconds(int runs, const Body& body) {
  std::vector<double> seconds;
  for (int i = 0; i < runs; ++i) {
    const auto start = std::chrono::steady_clock::now();
    body();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::ranges::sort(seconds);
  return seconds[seconds.size() / 2];
}

// Multiplications and additions of a tower on one frame of P patches: 2 P for each weight of a matrix in the tower (the
// weights of a merger or projector see a quarter of the rows), and 4 P² C for the attention of a layer that sees the
// whole frame, or 4 P · window · C through windows.
double Flop(const weights::Checkpoint& checkpoint, const image::PatchGrid& grid) {
  const auto P = static_cast<double>(grid.patches());
  double flop = 0;
  for (const weights::TensorInfo& info : checkpoint.tensors()) {
    const bool projector = info.name.starts_with("multi_modal_projector.");
    const bool tower = info.name.starts_with("visual.") || info.name.starts_with("vision_tower.") || projector;
    if (!tower || info.shape.rank() < 2 || info.name.ends_with("pos_emb.weight")) continue;
    const bool merged = info.name.starts_with("visual.merger.") || projector;
    flop += 2 * P / (merged ? 4 : 1) * static_cast<double>(info.shape.numel());
  }
  const Json& c = checkpoint.config()["vision_config"];
  const bool windows = checkpoint.config()["model_type"] == "qwen2_5_vl",
             qwen2 = checkpoint.config()["model_type"] == "qwen2_vl";
  const double width = c.value(qwen2 ? "embed_dim" : "hidden_size", 1280),
               depth = c.value(c.contains("depth") ? "depth" : "num_hidden_layers", 32),
               full = windows ? static_cast<double>(c.value("fullatt_block_indexes", Json({7, 15, 23, 31})).size())
                              : depth,
               side = c.value("window_size", 112) / 14;
  return flop + 4 * P * width * (full * P + (depth - full) * side * side);
}

std::unique_ptr<models::LanguageModel> Load(const weights::Checkpoint& checkpoint) {
  const bool blocks = std::ranges::any_of(checkpoint.tensors(),
                                          [](const weights::TensorInfo& info) { return IsQuantized(info.dtype); });
  const std::optional<DType> weights = blocks ? std::nullopt : std::optional(DType::kBF16);
  return models::LoadModel(checkpoint, {.weights = weights, .activations = DType::kBF16, .pack = true});
}

// Of products of bf16, or of f32 where the processor has none of those.
double BestPeak() {
  const double bf16 = kernels::MeasurePeak(kernels::PeakKind::kBf16);
  return bf16 > 0 ? bf16 : kernels::MeasurePeak(kernels::PeakKind::kF32);
}

double Distance(const Tensor& y, const Tensor& other) {
  const Tensor a = y.To(DType::kF32), b = other.To(DType::kF32);
  double apart = 0, size = 0;
  for (size_t i = 0; i < a.data<float>().size(); ++i) {
    apart += std::pow(a.data<float>()[i] - b.data<float>()[i], 2);
    size += std::pow(b.data<float>()[i], 2);
  }
  return std::sqrt(apart / size);
}

void Run(int argc, char** argv) {
  Require(argc >= 2, "vision_bench MODEL [WIDTH HEIGHT] [RUNS] [OTHER]");
  const auto number = [&](int i, int64_t otherwise) { return argc > i ? std::atoll(argv[i]) : otherwise; };
  const int64_t width = number(2, 1280), height = number(3, 720);
  const int runs = static_cast<int>(number(4, 3));
  const auto checkpoint = weights::Checkpoint::Open(weights::Locate(argv[1]));
  const auto model = Load(checkpoint);
  Require(model->vision() != nullptr, "{}: the model sees no pictures", argv[1]);
  const Tensor picture = Noise(height, width);
  models::VisionInput input = model->vision()->Prepare(picture);
  const double prepare = MedianSeconds(std::max(runs, 3), [&] { input = model->vision()->Prepare(picture); });
  if (runs == 0) {
    fmt::print("{} x {}: {} patches; prepare {:.1f} ms\n", width, height, input.grid.patches(), prepare * 1e3);
    return;
  }
  Tensor tokens;
  const double before = BestPeak();
  const double encode = MedianSeconds(runs, [&] { tokens = model->vision()->Encode(std::span(&input, 1)); });
  const double speed = Flop(checkpoint, input.grid) / encode, peak = (before + BestPeak()) / 2;
  fmt::print("{} x {}: {} patches, {} tokens; prepare {:.1f} ms, encode {:.2f} s, {:.0f} GFLOP/s", width, height,
             input.grid.patches(), model->vision()->Tokens(input.grid), prepare * 1e3, encode, speed * 1e-9);
  fmt::print(", {:.1f} % of {:.0f}\n", 100 * speed / peak, peak * 1e-9);
  if (argc <= 5) return;
  const auto other = weights::Checkpoint::Open(weights::Locate(argv[5]));
  const auto distance = [&](const models::LanguageModel& from) {
    return Distance(tokens, from.vision()->Encode(std::span(&input, 1)));
  };
  fmt::print("apart from {}: {:.2e}", argv[5], distance(*Load(other)));
  const nn::LoadOptions exact{.weights = DType::kF32, .pack = true, .precision = ops::LinearPrecision::kExact};
  fmt::print(", from it in f32 {:.2e}\n", distance(*models::LoadModel(other, exact)));
}

}  // namespace
}  // namespace tessera::bench

int main(int argc, char** argv) {
  return tessera::bench::ReportErrors("vision_bench", [&] {
    tessera::bench::Run(argc, argv);
    return 0;
  });
}
