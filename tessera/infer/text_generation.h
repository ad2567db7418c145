#pragma once
// From a prompt's tokens to streamed text.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/infer/engine.h"
#include "tessera/text/tokenizer.h"

namespace tessera::infer {

struct TextRequest {
  std::vector<int32_t> prompt;
  PromptVision vision;      // pictures among its tokens
  int64_t max_tokens = -1;  // -1: as many as the context holds
  std::vector<std::string> stop;
  bool ignore_eos = false;
  SamplingOptions sampling;
  std::string strategy = "plain";
};

enum class TextFinish : uint8_t { kStop, kStopString, kLength, kContext, kInterrupted };
std::string_view Name(TextFinish finish);  // "stop", "stop_string", "length", "context", "interrupted"

struct TextAnswer {
  std::string text;
  std::vector<int32_t> ids;  // a stop token is not among them
  TextFinish finish = TextFinish::kStop;
  EngineStats stats;  // of this answer alone
  double first_token_seconds = 0;
  double seconds = 0;
};

// Called with each piece of the text as it is certain: whole characters, never a part of a stop string. May be empty
// (nothing new yet); returning false ends the answer.
using ShowText = std::function<bool(std::string_view piece)>;

// Answers one request on an engine that has nothing else to do. Throws Error as Engine::Submit does.
TextAnswer GenerateText(Engine& engine, const text::Tokenizer& tokenizer, const TextRequest& request,
                        const ShowText& show);

}  // namespace tessera::infer
