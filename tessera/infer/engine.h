#pragma once
// Runs many sequences at once on one model.
//
//   Engine engine(*model, {.context = 4096});
//   RequestId id = engine.Submit({.prompt = ids, .max_tokens = 100});
//   while (!engine.idle()) {
//     for (const TokenEvent& event : engine.Step()) { … event.token … }
//   }
//
// One Step is one forward pass over one ragged batch: a few rows of every sequence that is answering (its newest token
// and the guesses of its strategy) and chunks of the prompts that wait. A sequence gives the same tokens, from the same
// bits, alone or in any company, for any chunk size, strategy or number of threads. When the cache is full the newest
// sequence gives up its pages and is computed again later; nobody sees the difference but in time.
// An engine belongs to one thread.

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "tessera/infer/guidance.h"
#include "tessera/infer/paged_cache.h"
#include "tessera/infer/prompt_vision.h"
#include "tessera/infer/recorded_steps.h"
#include "tessera/infer/sampling.h"
#include "tessera/infer/scores.h"
#include "tessera/infer/strategy.h"
#include "tessera/models/language_model.h"

namespace tessera::infer {

using RequestId = int64_t;

struct Request {
  std::vector<int32_t> prompt;    // at least one token
  PromptVision vision;            // pictures among them; positions must follow from the tokens and pictures before
  int64_t max_tokens = -1;        // of the answer; -1: as many as the context holds
  std::vector<int32_t> stop_ids;  // any of them ends the answer (the model's eos_ids come from its summary)
  bool ignore_eos = false;        // go on after the model's own eos_ids
  SamplingOptions sampling;
  std::unique_ptr<Strategy> strategy;  // none: plain decoding
  // Draws from the guided logits of three contexts, which all get the token that was drawn; plain decoding. Each
  // context has positions and pages of its own; equal ones are computed once.
  std::optional<Guidance> guidance;
};

enum class FinishReason : uint8_t { kNone, kStop, kLength, kContext };  // running; stop token; max_tokens; context full

struct TokenEvent {
  RequestId id = 0;
  int32_t token = 0;  // a stop token is reported too
  FinishReason finish = FinishReason::kNone;
};

struct EngineStats {
  int64_t prompt_tokens = 0;  // computed
  int64_t shared_tokens = 0;  // found in the cache instead
  int64_t answer_tokens = 0;
  int64_t passes = 0;
  int64_t guessed = 0, confirmed = 0;  // by strategies
  int64_t preemptions = 0;
  std::chrono::duration<double> prompt_seconds{0};  // of passes that carried a prompt
  std::chrono::duration<double> answer_seconds{0};  // of the others

  // What happened since `before`.
  EngineStats operator-(const EngineStats& before) const;
};

// The logits [V] that follow the first `position` tokens of a sequence, before sampling. With guidance each context by
// itself, before they are mixed: the request's id for the prompt, the ids after it for the others.
using LogitsObserver = std::function<void(RequestId id, int64_t position, std::span<const float> logits)>;

// Rows of one pass that keep the processor, or a GPU, busy.
inline constexpr int64_t kChunkTokens = 512, kGpuChunkTokens = 4096;

struct EngineOptions {
  int64_t context = 0;               // longest sequence, prompt and answer; 0: what the model was made for
  int64_t cache_tokens = 0;          // room of the cache for all sequences together; 0: one context
  std::optional<DType> cache_dtype;  // f32, bf16, f16 or q8_0; none: kernels::FastKvDType(), on a GPU the activations'
  int64_t chunk_tokens = 0;          // rows of one pass at most; 0: kChunkTokens, or kGpuChunkTokens
  int64_t max_sequences = 64;        // answering at once; others wait
  LogitsObserver observe_logits;
  std::function<void()> before_second_pass;  // called once: time for what the first token need not wait for
};

class Engine {
 public:
  // The model must outlive the engine. Throws Error if an option is out of range or the cache does not fit.
  Engine(const models::LanguageModel& model, const EngineOptions& options);
  ~Engine();

  // Throws Error for an empty prompt, a token outside the vocabulary, pictures that do not fit the prompt, bad sampling
  // options, guidance whose contexts do not fit the cache together, and a prompt that leaves no room for an answer
  // ("the prompt has 9,000 tokens but the context holds 8,192").
  RequestId Submit(Request request);
  // Forgets a request; its pages are free at once. Unknown and finished ids are ignored.
  void Cancel(RequestId id);
  // One forward pass. The new tokens, in the order of their sequences.
  std::vector<TokenEvent> Step();

  bool idle() const { return running_.empty() && waiting_.empty(); }
  int64_t context() const { return options_.context; }
  const EngineStats& stats() const { return stats_; }
  const PagedCache& cache() const { return *cache_; }

 private:
  struct Sequence;
  struct Group;  // sequences that draw together
  struct Work;   // one sequence's rows of a pass

  void AddContexts(Sequence& leader);
  void Admit();
  std::vector<Work> Plan();
  bool MakeRoom(Sequence& sequence, int64_t tokens);
  void GiveUpPages(Sequence& sequence);
  void PublishFullPages(Sequence& sequence);
  Scores Run(const std::vector<Work>& plan);
  bool AsksForLikeliest(const std::vector<Work>& plan) const;
  Tensor Placed(const Tensor& x, const std::vector<Work>& plan) const;
  std::vector<int32_t> CacheKeys(const Request& request);
  void Accept(const Work& work, const Scores& scores, std::vector<TokenEvent>& events);
  void AcceptContext(const Work& work, std::span<const float> logits, std::vector<TokenEvent>& events);
  FinishReason Append(Sequence& sequence, int32_t token);

  const models::LanguageModel& model_;
  EngineOptions options_;
  std::unique_ptr<PagedCache> cache_;
  std::unique_ptr<RecordedSteps> recorded_;  // of a model on a GPU
  std::deque<std::unique_ptr<Sequence>> waiting_;
  std::vector<std::unique_ptr<Sequence>> running_;  // in the order of submission
  EngineStats stats_;
  RequestId next_id_ = 1;
  std::unordered_map<std::string, int32_t> contents_;  // a number for each picture seen: equal ones share pages
};

}  // namespace tessera::infer
