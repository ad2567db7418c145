#include "tessera/infer/prompt_vision.h"

namespace tessera::infer {

void CheckPromptVision(const PromptVision& vision, int64_t prompt_tokens, int64_t hidden) {
  int64_t end = 0;
  for (const PromptFeatures& f : vision.features) {
    Require(f.features.defined() && f.features.rank() == 2 && f.features.dim(1) == hidden,
            "request: features must be [N, {}], the model's width", hidden);
    Require(f.begin >= end && f.features.dim(0) <= prompt_tokens - f.begin,
            "request: {} features at {} overlap others or reach beyond the prompt of {} tokens", f.features.dim(0),
            f.begin, prompt_tokens);
    Require(!f.content.empty(), "request: the features at {} have no digest of their content", f.begin);
    end = f.begin + f.features.dim(0);
  }
  if (!vision.positions) return;
  Require(vision.positions.dtype() == DType::kI64 && vision.positions.shape() == Shape{3, prompt_tokens},
          "request: positions must be i64 [3, {}]", prompt_tokens);
  for (const int64_t position : vision.positions.data<int64_t>())
    Require(position >= 0 && position < (int64_t{1} << 31), "request: position {} is out of range", position);
}

}  // namespace tessera::infer
