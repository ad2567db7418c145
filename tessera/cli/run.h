#pragma once
// What `run` needs to answer: shared by its one-answer and its chat form.

#include <memory>
#include <string>

#include "tessera/cli/globals.h"
#include "tessera/cli/sampling_flags.h"
#include "tessera/infer/loaded_model.h"
#include "tessera/infer/text_generation.h"

namespace tessera::cli {

struct RunOptions {
  std::string model, prompt, system;
  bool has_prompt = false;
  bool raw = false;   // no chat template
  bool json = false;  // the answer as one JSON object
  bool ignore_eos = false;
  int64_t max_tokens = 1024, context = 0;  // small models may not find an end by themselves
  bool limited_by_default = true;          // nobody asked for max_tokens
  std::string cache_type = "f16", strategy = "plain";
  SamplingFlags sampling;
};

// The model, loaded, with an engine for one conversation.
struct RunSession {
  RunOptions options;
  infer::LoadedModel loaded;
  std::unique_ptr<infer::Engine> engine;
  infer::SamplingOptions sampling;

  // Streams the answer to a prompt to standard output (not with --json); Ctrl-C ends the answer.
  infer::TextAnswer Answer(std::vector<int32_t> prompt, uint64_t turn);
};

// A remark if the answer was cut where nobody asked for it, else nothing.
std::string WhyItEnded(const RunOptions& options, infer::TextFinish finish);

// Talks with the person at the terminal until they leave.
void Chat(RunSession& session);

}  // namespace tessera::cli
