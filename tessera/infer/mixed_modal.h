#pragma once
// Answers of text and pictures, from models whose pictures are tokens (models/picture_tokens.h). Two modes take turns:
//
//   text      only words may be drawn, the end, and, where it fits the context, the token that begins a picture
//   picture   exactly as many image tokens as a picture has, guided by three contexts; then the token that ends it
//
// Both are requests of one engine: the cache, its pages and the company of other requests are as for text. An answer is
// a function of the prompt, the options and the seed.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tessera/infer/text_generation.h"
#include "tessera/models/picture_tokens.h"

namespace tessera::infer {

// How the released Chameleon draws words; pictures are drawn at the same temperature and top_p, without the penalty.
inline SamplingOptions ChameleonSampling() { return {.temperature = 0.7f, .top_p = 0.9f, .repetition_penalty = 1.2f}; }

struct MixedRequest {
  std::vector<int32_t> prompt;
  enum class Form : uint8_t {
    kText,         // words alone
    kInterleaved,  // words, and pictures where the model begins one
    kPicture,      // one picture and nothing else
  } form = Form::kInterleaved;
  int64_t max_tokens = -1;  // words at most, pictures not counted; -1: as many as the context holds
  std::vector<std::string> stop;
  bool ignore_eos = false;
  SamplingOptions sampling = ChameleonSampling();
  float text_guidance = 3.0f, image_guidance = 1.2f;
  std::string picture_mark = "<image>";  // stands in the answer's text for each picture
};

// The options of each mode, from those of the request.
SamplingOptions TextMode(const MixedRequest& request, const models::PictureVocabulary& vocabulary, int64_t context);
SamplingOptions PictureMode(const MixedRequest& request, const models::PictureVocabulary& vocabulary);

struct DrawnPicture {
  std::vector<int32_t> ids;  // what the model wrote between the two marks
  Tensor pixels;             // u8 [S, S, 3]
};

struct MixedAnswer : TextAnswer {  // its ids hold the pictures' too, and their marks
  std::vector<DrawnPicture> pictures;
};

// What a listener is told; each may be empty. Returning false ends the answer: an unfinished picture is drawn from the
// tokens that are there.
struct MixedListener {
  ShowText text;
  std::function<bool(int64_t tokens, int64_t of)> progress;  // of the picture that is being drawn
  std::function<void(const DrawnPicture& picture)> picture;
};

// Answers one request on an engine that has nothing else to do. Throws Error as Engine::Submit does, if the model has
// no picture tokens, and if it is asked for pictures but cannot draw or the context is too short for one.
MixedAnswer GenerateMixed(Engine& engine, const models::LanguageModel& model, const text::Tokenizer& tokenizer,
                          const MixedRequest& request, const MixedListener& listener);

}  // namespace tessera::infer
