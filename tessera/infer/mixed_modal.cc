#include "tessera/infer/mixed_modal.h"

#include <algorithm>
#include <chrono>

#include "tessera/core/error.h"
#include "tessera/infer/stop_strings.h"
#include "tessera/text/stream_decoder.h"

namespace tessera::infer {
namespace {

using Clock = std::chrono::steady_clock;

double Since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// A picture and the two tokens around it.
int64_t PictureRoom(const models::PictureVocabulary& v) { return v.per_picture + 2; }

class MixedGenerator {
 public:
  MixedGenerator(Engine& engine, const models::PictureTokens& ink, const text::Tokenizer& tokenizer,
                 const MixedRequest& request, const MixedListener& listener)
      : engine_(engine),
        ink_(ink),
        vocabulary_(ink.vocabulary()),
        tokenizer_(tokenizer),
        request_(request),
        listener_(listener),
        stops_(request.stop),
        history_(request.prompt) {}

  MixedAnswer Run() {
    const EngineStats before = engine_.stats();
    if (request_.form == MixedRequest::Form::kPicture) {
      history_.push_back(vocabulary_.begin);
      answer_.ids.push_back(vocabulary_.begin);
      Picture();
    } else {
      while (Text()) {
        if (!Picture()) break;
      }
    }
    if (!stops_.stopped()) Show(stops_.Flush());
    answer_.stats = engine_.stats() - before;
    answer_.seconds = Since(start_);
    return std::move(answer_);
  }

 private:
  Engine& engine_;
  const models::PictureTokens& ink_;
  const models::PictureVocabulary& vocabulary_;
  const text::Tokenizer& tokenizer_;
  const MixedRequest& request_;
  const MixedListener& listener_;
  StopStrings stops_;
  std::vector<int32_t> history_;
  int64_t words_ = 0;
  MixedAnswer answer_;
  Clock::time_point start_ = Clock::now();

  bool Show(const std::string& piece) {
    answer_.text += piece;
    return !listener_.text || listener_.text(piece);
  }
  // Ends the answer; false for those who ask whether to go on.
  bool End(TextFinish finish) {
    answer_.finish = finish;
    return false;
  }
  void Take(int32_t token) {
    if (answer_.ids.empty()) answer_.first_token_seconds = Since(start_);
    history_.push_back(token);
    answer_.ids.push_back(token);
  }

  // Words until something ends them; true if that is the beginning of a picture.
  bool Text() {
    if (request_.max_tokens >= 0 && words_ >= request_.max_tokens) return End(TextFinish::kLength);
    if (std::ssize(history_) >= engine_.context()) return End(TextFinish::kContext);
    text::StreamDecoder decoder(tokenizer_);
    std::vector<int32_t> stop_ids{vocabulary_.begin};
    if (!request_.ignore_eos)
      stop_ids.insert(stop_ids.end(), tokenizer_.stop_ids().begin(), tokenizer_.stop_ids().end());
    const RequestId id = engine_.Submit({.prompt = history_,
                                         .max_tokens = request_.max_tokens < 0 ? -1 : request_.max_tokens - words_,
                                         .stop_ids = std::move(stop_ids),
                                         .ignore_eos = request_.ignore_eos,
                                         .sampling = TextMode(request_, vocabulary_, engine_.context())});
    for (;;) {
      for (const TokenEvent& event : engine_.Step()) {
        const bool word = event.token >= 0 && event.finish != FinishReason::kStop;
        if (word || event.token == vocabulary_.begin) Take(event.token);
        words_ += word ? 1 : 0;
        bool go_on = Show(word ? stops_.Push(decoder.Push(event.token)) : "");
        if (event.finish != FinishReason::kNone && !stops_.stopped()) {
          // The words end here, but a stop string may still be held back across a picture.
          go_on &= Show(stops_.Push(decoder.Flush()));
        }
        if (stops_.stopped() || !go_on) {
          engine_.Cancel(id);
          return End(stops_.stopped() ? TextFinish::kStopString : TextFinish::kInterrupted);
        }
        if (event.finish == FinishReason::kStop) return event.token == vocabulary_.begin || End(TextFinish::kStop);
        if (event.finish == FinishReason::kLength) return End(TextFinish::kLength);
        if (event.finish == FinishReason::kContext) return End(TextFinish::kContext);
      }
      if (!Show("")) {
        engine_.Cancel(id);
        return End(TextFinish::kInterrupted);
      }
    }
  }

  // The tokens of a picture, the picture, and the token that ends it; true if words may follow.
  bool Picture() {
    const int64_t room = engine_.context() - std::ssize(history_);
    Require(
        room > vocabulary_.per_picture,
        "picture: its {} tokens do not fit behind {}, the context holds {}; shorten the prompt or raise the context",
        vocabulary_.per_picture + 1, history_.size(), engine_.context());
    Guidance guidance = GuidanceFor(history_, vocabulary_);
    guidance.text = request_.text_guidance;
    guidance.image = request_.image_guidance;
    const RequestId id = engine_.Submit({.prompt = history_,
                                         .max_tokens = vocabulary_.per_picture,
                                         .ignore_eos = true,
                                         .sampling = PictureMode(request_, vocabulary_),
                                         .guidance = std::move(guidance)});
    DrawnPicture drawn;
    bool go_on = true;
    while (go_on && std::ssize(drawn.ids) < vocabulary_.per_picture) {
      for (const TokenEvent& event : engine_.Step()) {
        Take(event.token);
        drawn.ids.push_back(event.token);
      }
      go_on = !listener_.progress || listener_.progress(std::ssize(drawn.ids), vocabulary_.per_picture);
    }
    engine_.Cancel(id);
    if (drawn.ids.empty()) return End(TextFinish::kInterrupted);
    drawn.pixels = ink_.Draw(drawn.ids);
    Take(vocabulary_.end);
    if (listener_.picture) listener_.picture(drawn);
    answer_.pictures.push_back(std::move(drawn));
    answer_.text += request_.picture_mark;
    if (!go_on) return End(TextFinish::kInterrupted);
    return request_.form == MixedRequest::Form::kInterleaved;
  }
};

}  // namespace

SamplingOptions TextMode(const MixedRequest& request, const models::PictureVocabulary& vocabulary, int64_t context) {
  SamplingOptions options = request.sampling;
  options.allowed = vocabulary.text;
  options.allowed.push_back(vocabulary.eos);
  if (request.form == MixedRequest::Form::kText) return options;
  options.allowed.push_back(vocabulary.begin);
  options.blocked_from[vocabulary.begin] = context - PictureRoom(vocabulary);
  return options;
}

SamplingOptions PictureMode(const MixedRequest& request, const models::PictureVocabulary& vocabulary) {
  SamplingOptions options = request.sampling;
  options.allowed = vocabulary.image;
  options.repetition_penalty = 1;
  options.presence_penalty = options.frequency_penalty = 0;
  return options;
}

MixedAnswer GenerateMixed(Engine& engine, const models::LanguageModel& model, const text::Tokenizer& tokenizer,
                          const MixedRequest& request, const MixedListener& listener) {
  const models::PictureTokens* ink = model.picture_tokens();
  Require(ink != nullptr, "models of type \"{}\" draw no pictures", model.summary().family);
  Require(request.form == MixedRequest::Form::kText || ink->can_draw(),
          "the checkpoint has no decoder for pictures; it can only write");
  return MixedGenerator(engine, *ink, tokenizer, request, listener).Run();
}

}  // namespace tessera::infer
