#include "tessera/models/padded_batch.h"

#include <fmt/format.h>

#include <cstring>
#include <numeric>

#include "tessera/models/place_vision.h"
#include "tessera/ops/cross_entropy.h"
#include "tessera/ops/differentiable.h"

namespace tessera::models {
namespace {

constexpr int64_t kIgnored = -100;

// `tensor` as i64 values in row order, after checking its dtype and shape.
std::vector<int64_t> Integers(const Tensor& tensor, std::string_view name, const Shape& shape) {
  const DType dtype = tensor.dtype();
  const bool whole = dtype == DType::kI64 || dtype == DType::kI32 || dtype == DType::kI8 || dtype == DType::kU8 ||
                     dtype == DType::kBool;
  Require(whole, "input: \"{}\" is {}, it must hold whole numbers (i64 or i32)", name, Name(dtype));
  Require(tensor.shape() == shape, "input: \"{}\" has shape {}, it must be {} like \"input_ids\"", name, tensor.shape(),
          shape);
  const Tensor values = tensor.Contiguous().To(DType::kI64);
  const auto data = values.data<int64_t>();
  return {data.begin(), data.end()};
}

// The rows that count, sequence after sequence.
struct RaggedRows {
  Shape shape;                  // [B, T]
  std::vector<int64_t> places;  // b · T + t of each row
  Tensor ids;                   // i64 [rows]
  nn::Context context;
  Tensor labels;                                // i64 [rows], or undefined
  std::vector<std::vector<int64_t>> sequences;  // the ids again, by sequence
};

// position_ids of the kept rows: i64 [rows] or [3, rows].
Tensor GivenPositions(const PaddedBatch& batch, const std::vector<int64_t>& places) {
  const Shape& shape = batch.input_ids.shape();
  const bool three = batch.position_ids.rank() == 3;
  const std::vector<int64_t> given =
      Integers(batch.position_ids, "position_ids", three ? Shape{3, shape[0], shape[1]} : shape);
  const int64_t axes = three ? 3 : 1, rows = std::ssize(places);
  std::vector<int64_t> positions;
  for (int64_t axis = 0; axis < axes; ++axis) {
    for (const int64_t place : places) {
      positions.push_back(given[static_cast<size_t>(axis * shape.numel() + place)]);
      Require(positions.back() >= 0 && positions.back() < (int64_t{1} << 31),
              "input: position {} at [{}, {}] is out of range", positions.back(), place / shape[1], place % shape[1]);
    }
  }
  return Tensor::From<int64_t>(positions, three ? Shape{3, rows} : Shape{rows});
}

std::vector<int64_t> ShiftedLabels(const PaddedBatch& batch, const std::vector<int64_t>& places, int64_t vocab) {
  const std::vector<int64_t> labels = Integers(batch.labels, "labels", batch.input_ids.shape());
  const int64_t T = batch.input_ids.dim(1);
  std::vector<int64_t> shifted;
  bool any = false;
  for (const int64_t place : places) {
    const bool last = place % T == T - 1;
    const int64_t label = last ? kIgnored : labels[static_cast<size_t>(place) + 1];
    Require(label == kIgnored || (label >= 0 && label < vocab),
            "input: label {} at [{}, {}] is outside the vocabulary of {}; -100 means that nothing is asked", label,
            place / T, place % T + 1, vocab);
    any |= label != kIgnored;
    shifted.push_back(label);
  }
  Require(any, "input: \"labels\" ask for nothing; the row at t is asked for the label at t + 1");
  return shifted;
}

RaggedRows Unpad(const PaddedBatch& batch, int64_t vocab) {
  Require(batch.input_ids.defined(), "input: \"input_ids\" [B, T] is missing");
  const Shape& shape = batch.input_ids.shape();
  Require(shape.rank() == 2 && shape.numel() > 0, "input: \"input_ids\" has shape {}, it must be [B, T] with tokens",
          shape);
  const std::vector<int64_t> ids = Integers(batch.input_ids, "input_ids", shape);
  const std::vector<int64_t> mask = batch.attention_mask ? Integers(batch.attention_mask, "attention_mask", shape)
                                                         : std::vector<int64_t>(ids.size(), 1);
  RaggedRows rows{.shape = shape};
  std::vector<int64_t> row_ids, positions;
  for (int64_t b = 0; b < shape[0]; ++b) {
    int64_t length = 0;
    std::vector<int64_t>& sequence = rows.sequences.emplace_back();
    for (int64_t t = 0; t < shape[1]; ++t) {
      const int64_t place = b * shape[1] + t;
      const auto i = static_cast<size_t>(place);
      if (mask[i] == 0) continue;
      Require(ids[i] >= 0 && ids[i] < vocab, "input: id {} at [{}, {}] is outside the model's vocabulary of {}", ids[i],
              b, t, vocab);
      rows.places.push_back(place);
      row_ids.push_back(ids[i]);
      sequence.push_back(ids[i]);
      positions.push_back(length++);
    }
    rows.context.pattern.sequences.push_back({.query_count = length, .key_count = length});
  }
  Require(!row_ids.empty(), "input: \"attention_mask\" hides every token");
  const Shape flat{std::ssize(row_ids)};
  rows.ids = Tensor::From<int64_t>(row_ids, flat);
  rows.context.positions =
      batch.position_ids ? GivenPositions(batch, rows.places) : Tensor::From<int64_t>(positions, flat);
  if (batch.labels) rows.labels = Tensor::From<int64_t>(ShiftedLabels(batch, rows.places, vocab), flat);
  return rows;
}

// What pictures change: the rows that stand for them, and the positions of all.
struct Seen {
  std::vector<int64_t> rows;  // of the features, in the order of the inputs
  Tensor positions;           // i64 [3, rows], or undefined: those of a text
};

Seen Look(const RaggedRows& rows, std::span<const VisionInput> inputs, const VisionEncoder& encoder) {
  const auto places = FindPlaces(rows.sequences, inputs, encoder);
  const int64_t count = rows.ids.numel();
  std::vector<std::vector<int64_t>> of_input(inputs.size());
  Seen seen;
  int64_t begin = 0;
  for (size_t i = 0; i < places.size(); ++i) {
    const int64_t length = std::ssize(rows.sequences[i]);
    const Tensor own = encoder.Positions(length, places[i], inputs);
    if (own && !seen.positions) seen.positions = Tensor::Empty({3, count}, DType::kI64);
    for (int64_t axis = 0; own && axis < 3; ++axis)
      std::ranges::copy(own.data<int64_t>().subspan(static_cast<size_t>(axis * length), static_cast<size_t>(length)),
                        seen.positions.mutable_data<int64_t>().begin() + axis * count + begin);
    for (const VisionPlace& place : places[i]) {
      of_input[place.input].resize(static_cast<size_t>(place.count));
      std::iota(of_input[place.input].begin(), of_input[place.input].end(), begin + place.begin);
    }
    begin += length;
  }
  for (const auto& own : of_input) seen.rows.insert(seen.rows.end(), own.begin(), own.end());
  return seen;
}

// rows [M, C] -> f32 [B, T, C] with zeros where no row is.
Tensor Spread(const Tensor& values, const RaggedRows& rows) {
  const int64_t width = values.dim(-1);
  Tensor padded = Tensor::Zeros({rows.shape[0], rows.shape[1], width});
  const Tensor source = values.Contiguous().To(Device::kCpu).To(DType::kF32);
  const float* from = source.data<float>().data();
  float* to = padded.mutable_data<float>().data();
  for (size_t i = 0; i < rows.places.size(); ++i)
    std::memcpy(to + rows.places[i] * width, from + static_cast<int64_t>(i) * width,
                static_cast<size_t>(width) * sizeof(float));
  return padded;
}

struct Pass {
  NamedTensors results;
  Tensor loss;  // a scalar with its lineage, or undefined
};

// Replaces the rows of x that stand for pictures, and writes what the encoder made.
Tensor WithVision(const LanguageModel& model, const PaddedBatch& batch, const Tensor& x, RaggedRows& rows,
                  NamedTensors& results) {
  Require(model.vision() != nullptr, "input: there are pictures, but models of type \"{}\" see none",
          model.summary().family);
  const Seen seen = Look(rows, batch.vision, *model.vision());
  if (!batch.position_ids && seen.positions) rows.context.positions = seen.positions;
  const auto keep = [&](const std::string& name, const Tensor& output) {
    results.emplace_back(name, ops::Detach(output).Contiguous().To(Device::kCpu).To(DType::kF32));
  };
  const Tensor features = model.vision()->Encode(
      batch.vision, [&](const std::string& name, const Tensor& output) { keep("vision." + name, output); });
  keep("vision_embeds", features);
  return PlaceFeatures(x, features, seen.rows);
}

Pass Run(const LanguageModel& model, const PaddedBatch& batch) {
  RaggedRows rows = Unpad(batch, model.summary().vocab);
  Pass pass;
  Tensor x = model.Embed(rows.ids);
  if (!batch.vision.empty()) x = WithVision(model, batch, x, rows, pass.results);
  pass.results.emplace_back("hidden.embed", Spread(x, rows));
  const Tensor hidden = model.Hidden(x, rows.context, [&](int64_t layer, const Tensor& output) {
    pass.results.emplace_back(fmt::format("hidden.layer{}", layer), Spread(output, rows));
  });
  pass.results.emplace_back("hidden.final_norm", Spread(hidden, rows));
  const Tensor logits = model.Logits(hidden).To(Device::kCpu);
  pass.results.emplace_back("logits", Spread(logits, rows));
  if (rows.labels) {
    pass.loss = ops::CrossEntropy(logits, rows.labels, {.ignore_index = kIgnored});
    pass.results.emplace_back("loss", ops::Detach(pass.loss).Reshape({1}).To(DType::kF32));
  }
  return pass;
}

}  // namespace

std::vector<std::vector<int64_t>> Sequences(const PaddedBatch& batch, int64_t vocab) {
  return Unpad(batch, vocab).sequences;
}

NamedTensors RunForward(const LanguageModel& model, const PaddedBatch& batch) { return Run(model, batch).results; }

NamedTensors RunGradient(LanguageModel& model, const PaddedBatch& batch) {
  Require(batch.labels.defined(), "input: \"labels\" [B, T] is missing; a gradient needs a loss");
  const std::vector<Tensor> variables = model.parameters().MakeVariables();
  Pass pass = Run(model, batch);
  const std::vector<Tensor> gradients = ops::Gradient(pass.loss, variables);
  const std::vector<std::string>& names = model.parameters().names();
  for (size_t i = 0; i < names.size(); ++i)
    pass.results.emplace_back("grad." + names[i], gradients[i].Contiguous().To(DType::kF32));
  return std::move(pass.results);
}

}  // namespace tessera::models
