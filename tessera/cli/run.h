#pragma once
// What `run` needs to answer: shared by its one-answer and its chat form.

#include <memory>
#include <string>
#include <vector>

#include "tessera/cli/cache_type.h"
#include "tessera/cli/device_flag.h"
#include "tessera/cli/globals.h"
#include "tessera/cli/sampling_flags.h"
#include "tessera/infer/loaded_model.h"
#include "tessera/infer/mixed_modal.h"
#include "tessera/infer/picture_cache.h"
#include "tessera/infer/text_generation.h"

namespace tessera::cli {

struct RunOptions {
  std::string model, prompt, system;
  std::string vision_file;          // of a GGUF model whose vision part is a file of its own
  std::vector<std::string> images;  // files, shown with the prompt or with the first message
  std::vector<std::string> videos;  // likewise
  double video_rate = 2;            // frames a second that are taken of them
  std::string out;                  // where a drawn picture goes; then the answer is one
  bool interleaved = false;  // with out: words and pictures as the model likes, in files numbered from the second on
  bool has_prompt = false;
  bool raw = false;   // no chat template
  bool json = false;  // the answer as one JSON object
  bool ignore_eos = false;
  int64_t max_tokens = 1024, context = 0;  // small models may not find an end by themselves
  bool limited_by_default = true;          // nobody asked for max_tokens
  std::string device = kDefaultDevice;
  std::string cache_type = kAutomaticCacheType, strategy = "plain";
  SamplingFlags sampling;
};

// A user's message with pictures, then videos before its text, as chat templates want it: plain text where there are
// none.
Json UserMessage(const std::string& text, size_t pictures, size_t videos = 0);

// The model, loaded, with an engine for one conversation.
struct RunSession {
  RunOptions options;
  infer::LoadedModel loaded;
  std::unique_ptr<infer::Engine> engine;
  infer::SamplingOptions sampling;
  infer::PictureCache pictures;
  const Globals* globals = nullptr;

  // A picture file as the model sees it; encoded once, however often it is shown. Throws Error that names the file.
  infer::EncodedPicture See(const std::string& file);
  // A video file likewise.
  infer::EncodedPicture Watch(const std::string& file);
  // Streams the answer to a prompt to standard output (not with --json); Ctrl-C ends the answer.
  // A model that draws shows its pictures on the terminal or writes them to files, as the options say.
  infer::MixedAnswer Answer(infer::SeeingPrompt prompt, uint64_t turn);
};

// What Answer does for models whose pictures are tokens.
infer::MixedAnswer AnswerWithPictures(RunSession& session, std::vector<int32_t> prompt,
                                      const infer::SamplingOptions& sampling);

// The file of the n-th picture, from 0: "fox.png", "fox-2.png", …
std::string PictureFile(const std::string& out, size_t n);

// A remark if the answer was cut where nobody asked for it, else nothing.
std::string WhyItEnded(const RunOptions& options, infer::TextFinish finish);

// Talks with the person at the terminal until they leave.
void Chat(RunSession& session);

}  // namespace tessera::cli
