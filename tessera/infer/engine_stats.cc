#include "tessera/infer/engine.h"

namespace tessera::infer {

EngineStats EngineStats::operator-(const EngineStats& before) const {
  EngineStats d;
  d.prompt_tokens = prompt_tokens - before.prompt_tokens;
  d.shared_tokens = shared_tokens - before.shared_tokens;
  d.answer_tokens = answer_tokens - before.answer_tokens;
  d.passes = passes - before.passes;
  d.guessed = guessed - before.guessed;
  d.confirmed = confirmed - before.confirmed;
  d.preemptions = preemptions - before.preemptions;
  d.prompt_seconds = prompt_seconds - before.prompt_seconds;
  d.answer_seconds = answer_seconds - before.answer_seconds;
  return d;
}

}  // namespace tessera::infer
