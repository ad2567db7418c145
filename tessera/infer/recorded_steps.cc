#include "tessera/infer/recorded_steps.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "tessera/core/gpu.h"
#include "tessera/kernels/cuda/pass_plan.h"

namespace tessera::infer {

using kernels::cuda::PassPlan;
using kernels::cuda::UploadedList;

struct RecordedSteps::Step {
  gpu::Pool pool;  // goes last: the record works in its memory
  bool likeliest;
  std::shared_ptr<PassPlan> plan;
  UploadedList<int64_t> ids, positions;
  Tensor result;                   // logits f32 [rows, V] or keys i64 [rows], in pinned memory
  std::vector<gpu::Graph> graphs;  // in order

  Step(const nn::Context& context, int64_t rows, int64_t vocab, bool wants_likeliest)
      : likeliest(wants_likeliest),
        plan(std::make_shared<PassPlan>(context.pattern, context.cache->slots, true)),
        ids(rows, plan->arena()),
        positions(rows, plan->arena()) {
    const Shape shape = likeliest ? Shape{rows} : Shape{rows, vocab};
    const DType dtype = likeliest ? DType::kI64 : DType::kF32;
    const auto memory = gpu::AllocatePinned(BytesFor(dtype, shape.numel()));
    result = Tensor::Borrow(memory, memory.get(), shape, dtype);
  }

  // Records the step in pieces: while the GPU does the first, which is short, the host gives it the others.
  void Record(const models::LanguageModel& model, nn::Context context) {
    constexpr int64_t kLayers = 8;  // of a piece
    gpu::Recording recording;
    std::vector<gpu::Graph> pieces;
    context.after_layer = [&](int64_t layer) {
      if (layer % kLayers == 0) pieces.push_back(recording.Take());
    };
    Give(model, context);
    pieces.push_back(recording.Take());
    graphs = std::move(pieces);
  }

  // The whole step, to the GPU or to a record.
  void Give(const models::LanguageModel& model, nn::Context context) {
    const gpu::Pool::Use use(pool);
    context.positions = positions.tensor();
    context.pattern.plan = plan;
    const Tensor logits = model.Logits(model.Hidden(model.Embed(ids.tensor()), context));
    const Tensor made = likeliest ? LikeliestOnGpu(logits) : logits;
    gpu::CopyOutLater(const_cast<std::byte*>(result.raw()), made.gpu_data<std::byte>(), result.bytes());
  }
};

RecordedSteps::RecordedSteps(const models::LanguageModel& model) : model_(model) {}
RecordedSteps::~RecordedSteps() = default;

bool RecordedSteps::Takes(const nn::Context& context) {
  return context.cache && context.pattern.causal &&
         std::ranges::all_of(context.pattern.sequences, [](const kernels::AttentionSequence& s) {
           return s.query_count == 1 && s.tree_parents.empty() && !s.pages.empty();
         });
}

Scores RecordedSteps::Run(std::span<const int64_t> ids, std::span<const int64_t> positions, const nn::Context& context,
                          bool likeliest) {
  const auto rows = std::ssize(ids);
  std::unique_ptr<Step>& step = steps_[{rows, likeliest}];
  const bool fits = step != nullptr && step->plan->Refill(context.pattern, context.cache->slots);
  if (!fits) step = std::make_unique<Step>(context, rows, model_.summary().vocab, likeliest);
  step->ids.Fill(ids);
  step->positions.Fill(positions);
  step->plan->arena()->Upload();
  // The first step runs as it comes, so that all kernels are loaded; the second is recorded.
  if (fits && step->graphs.empty()) step->Record(model_, context);
  for (const gpu::Graph& graph : step->graphs) graph.Launch();
  if (step->graphs.empty()) step->Give(model_, context);
  gpu::Synchronize();
  if (likeliest) return {.likeliest = ReadLikeliest(step->result)};
  return {.logits = step->result};
}

}  // namespace tessera::infer
