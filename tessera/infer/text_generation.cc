#include "tessera/infer/text_generation.h"

#include <array>
#include <chrono>

#include "tessera/infer/stop_strings.h"
#include "tessera/text/stream_decoder.h"

namespace tessera::infer {
namespace {

using Clock = std::chrono::steady_clock;

double Since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

TextFinish Translated(FinishReason reason) {
  switch (reason) {
    case FinishReason::kLength:
      return TextFinish::kLength;
    case FinishReason::kContext:
      return TextFinish::kContext;
    default:
      return TextFinish::kStop;
  }
}

}  // namespace

std::string_view Name(TextFinish finish) {
  constexpr std::array<std::string_view, 5> kNames = {"stop", "stop_string", "length", "context", "interrupted"};
  return kNames[static_cast<size_t>(finish)];
}

TextAnswer GenerateText(Engine& engine, const text::Tokenizer& tokenizer, const TextRequest& request,
                        const ShowText& show) {
  const EngineStats before = engine.stats();
  const auto start = Clock::now();
  TextAnswer answer;
  StopStrings stops(request.stop);
  text::StreamDecoder decoder(tokenizer);
  const RequestId id = engine.Submit({.prompt = request.prompt,
                                      .vision = request.vision,
                                      .max_tokens = request.max_tokens,
                                      .stop_ids = request.ignore_eos ? std::vector<int32_t>() : tokenizer.stop_ids(),
                                      .ignore_eos = request.ignore_eos,
                                      .sampling = request.sampling,
                                      .strategy = MakeStrategy(request.strategy)});
  const auto shown = [&](const std::string& piece) {
    answer.text += piece;
    return show(piece);
  };
  bool running = true;
  while (running) {
    for (const TokenEvent& event : engine.Step()) {
      if (answer.ids.empty()) answer.first_token_seconds = Since(start);
      const bool is_text = event.finish != FinishReason::kStop && event.token >= 0;
      if (is_text) answer.ids.push_back(event.token);
      if (event.finish != FinishReason::kNone) {
        answer.finish = Translated(event.finish);
        running = false;
      }
      const bool go_on = shown(is_text ? stops.Push(decoder.Push(event.token)) : "");
      if (stops.stopped() || !go_on) {
        answer.finish = stops.stopped() ? TextFinish::kStopString : TextFinish::kInterrupted;
        engine.Cancel(id);
        running = false;
      }
      if (!running) break;
    }
    // A long prompt gives no tokens for a while; the person may still want to stop.
    if (running && answer.ids.empty() && !shown("")) {
      answer.finish = TextFinish::kInterrupted;
      engine.Cancel(id);
      running = false;
    }
  }
  if (!stops.stopped()) shown(stops.Push(decoder.Flush()));
  shown(stops.Flush());
  answer.stats = engine.stats() - before;
  answer.seconds = Since(start);
  return answer;
}

}  // namespace tessera::infer
