#include "tessera/infer/greedy.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "tessera/core/checked.h"
#include "tessera/core/error.h"
#include "tessera/infer/engine.h"

namespace tessera::infer {

Tensor Greedy(const models::LanguageModel& model, std::span<const std::vector<int64_t>> prompts,
              const GreedyOptions& options) {
  Require(options.tokens >= 1, "greedy: asked for {} tokens", options.tokens);
  Require(options.vision.empty() || options.vision.size() == prompts.size(), "greedy: pictures for {} of {} prompts",
          options.vision.size(), prompts.size());
  int64_t longest = 0;
  for (const std::vector<int64_t>& prompt : prompts) longest = std::max<int64_t>(longest, std::ssize(prompt));
  const int64_t context = CheckedAdd(longest, options.tokens, "greedy: the length of a sequence");
  Require(context <= model.summary().max_context,
          "greedy: {} prompt tokens and {} more do not fit the model's context of {}", longest, options.tokens,
          model.summary().max_context);
  Engine engine(model, {.context = context, .cache_dtype = options.cache_dtype});
  std::unordered_map<RequestId, std::vector<int64_t>> answers;
  std::vector<RequestId> requests;
  for (const std::vector<int64_t>& prompt : prompts) {
    Request request;
    for (const int64_t id : prompt) request.prompt.push_back(CheckedCast<int32_t>(id, "greedy: a prompt's id"));
    request.max_tokens = options.tokens;
    request.ignore_eos = true;
    request.sampling.temperature = 0;
    for (const int64_t id : options.never)
      request.sampling.logit_bias[static_cast<int32_t>(id)] = -std::numeric_limits<float>::infinity();
    if (!options.vision.empty()) request.vision = options.vision[requests.size()];
    requests.push_back(engine.Submit(std::move(request)));
  }
  while (!engine.idle())
    for (const TokenEvent& event : engine.Step()) answers[event.id].push_back(event.token);
  Tensor ids = Tensor::Empty({std::ssize(prompts), options.tokens}, DType::kI64);
  auto out = ids.mutable_data<int64_t>().begin();
  for (const RequestId request : requests) {
    Require(std::ssize(answers[request]) == options.tokens, "greedy: a continuation ended after {} of {} tokens",
            answers[request].size(), options.tokens);
    out = std::ranges::copy(answers[request], out).out;
  }
  return ids;
}

}  // namespace tessera::infer
