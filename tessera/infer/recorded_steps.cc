#include "tessera/infer/recorded_steps.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "tessera/core/gpu.h"
#include "tessera/kernels/cuda/pass_plan.h"

namespace tessera::infer {
namespace {

// i64 [rows] on the GPU that new values are copied to without waiting.
class Numbers {
 public:
  explicit Numbers(int64_t rows)
      : there_(Tensor::Empty({rows}, DType::kI64, Device::kCuda)), here_(gpu::AllocatePinned(there_.bytes())) {}
  const Tensor& tensor() const { return there_; }
  void Fill(std::span<const int64_t> values) {
    std::memcpy(here_.get(), values.data(), values.size_bytes());
    gpu::CopyInLater(there_.mutable_gpu_data<std::byte>(), here_.get(), there_.bytes());
  }

 private:
  Tensor there_;
  std::shared_ptr<std::byte> here_;
};

}  // namespace

struct RecordedSteps::Step {
  gpu::Pool pool;  // goes last: the record works in its memory
  Numbers ids, positions;
  std::shared_ptr<kernels::cuda::PassPlan> plan;
  Tensor logits;  // in pinned memory
  std::optional<gpu::Graph> graph;

  Step(const nn::Context& context, int64_t rows, int64_t vocab)
      : ids(rows),
        positions(rows),
        plan(std::make_shared<kernels::cuda::PassPlan>(context.pattern, context.cache->slots, true)) {
    const Shape shape{rows, vocab};
    const auto memory = gpu::AllocatePinned(BytesFor(DType::kF32, shape.numel()));
    logits = Tensor::Borrow(memory, memory.get(), shape, DType::kF32);
  }

  // The whole step, to the GPU or to a record.
  void Give(const models::LanguageModel& model, nn::Context context) {
    const gpu::Pool::Use use(pool);
    context.positions = positions.tensor();
    context.pattern.plan = plan;
    const Tensor result = model.Logits(model.Hidden(model.Embed(ids.tensor()), context));
    gpu::CopyOutLater(const_cast<std::byte*>(logits.raw()), result.gpu_data<std::byte>(), logits.bytes());
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

Tensor RecordedSteps::Run(std::span<const int64_t> ids, std::span<const int64_t> positions,
                          const nn::Context& context) {
  const auto rows = std::ssize(ids);
  std::unique_ptr<Step>& step = steps_[rows];
  const bool fits = step != nullptr && step->plan->Refill(context.pattern, context.cache->slots);
  if (!fits) step = std::make_unique<Step>(context, rows, model_.summary().vocab);
  step->ids.Fill(ids);
  step->positions.Fill(positions);
  // The first step runs as it comes, so that all kernels are loaded; the second is recorded.
  if (fits && !step->graph) step->graph.emplace([&] { step->Give(model_, context); });
  if (step->graph)
    step->graph->Launch();
  else
    step->Give(model_, context);
  gpu::Synchronize();
  return step->logits;
}

}  // namespace tessera::infer
