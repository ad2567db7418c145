#include "tessera/cli/inspect_picture.h"

#include <fmt/format.h>

#include "tessera/cli/terminal.h"
#include "tessera/cli/terminal_picture.h"
#include "tessera/core/error.h"
#include "tessera/core/json_text.h"
#include "tessera/image/decode.h"
#include "tessera/image/encode.h"
#include "tessera/image/video.h"
#include "tessera/models/load.h"
#include "tessera/weights/checkpoint.h"

namespace tessera::cli {

namespace {

std::unique_ptr<models::VisionProcessor> ProcessorOf(const weights::Checkpoint& checkpoint) {
  auto processor = models::LoadVisionProcessor(checkpoint);
  Require(processor != nullptr, "{}: the model sees no pictures", checkpoint.path().string());
  return processor;
}

Json Describe(const std::string& file, const models::VisionProcessor& processor, const models::VisionInput& input) {
  const auto& [original, encoded] = input.seen;
  return {{"file", file},
          {"width", original.width},
          {"height", original.height},
          {"encoded_width", encoded.width},
          {"encoded_height", encoded.height},
          {"grid", {input.grid.t, input.grid.h, input.grid.w}},
          {"patches", input.grid.patches()},
          {"tokens", processor.Tokens(input.grid)},
          {"points", image::Name(processor.points())}};
}

void PrintLine(const char* name, const std::string& value) { fmt::print("{:<14} {}\n", name, value); }

void PrintSizes(const char* what, const models::VisionInput& input) {
  const auto& [original, encoded] = input.seen;
  PrintLine(what, fmt::format("{} x {} pixels", original.width, original.height));
  PrintLine("seen as", fmt::format("{} x {} pixels", encoded.width, encoded.height));
}

void PrintTokens(const models::VisionProcessor& processor, const models::VisionInput& input) {
  PrintLine("tokens", fmt::format("{}", processor.Tokens(input.grid)));
  PrintLine("points", std::string(image::Name(processor.points())));
}

}  // namespace

void InspectPicture(const weights::Checkpoint& checkpoint, const PictureQuestion& question) {
  const auto processor = ProcessorOf(checkpoint);
  const Tensor picture = image::ReadImage(question.file);
  const models::VisionInput input = WithContext(question.file, [&] { return processor->Prepare(picture); });
  if (!question.save.empty()) image::WritePicture(question.save, processor->Shown(picture));
  if (question.json) {
    fmt::print("{}\n", JsonText(Describe(question.file, *processor, input), 2));
    return;
  }
  PrintSizes("picture", input);
  PrintLine("patches", fmt::format("{} x {}, {} altogether", input.grid.w, input.grid.h, input.grid.patches()));
  PrintTokens(*processor, input);
  if (const PictureProtocol protocol = TerminalPictures(); protocol != PictureProtocol::kNone)
    WriteOutput(TerminalPicture(processor->Shown(picture), protocol, TerminalWidth()));
}

void InspectVideo(const weights::Checkpoint& checkpoint, const VideoQuestion& question) {
  const auto processor = ProcessorOf(checkpoint);
  Require(processor->Placeholder(models::VisionKind::kVideo) >= 0, "{}: the model takes no videos",
          checkpoint.path().string());
  const image::Video video = image::ReadVideo(question.file, {.frames_per_second = question.frames_per_second});
  const models::VisionInput input =
      WithContext(question.file, [&] { return processor->PrepareVideo(video.frames, video.frames_per_second); });
  if (question.json) {
    Json json = Describe(question.file, *processor, input);
    json.update({{"frames", video.frames.size()}, {"seconds_per_step", input.seconds_per_step}});
    fmt::print("{}\n", JsonText(json, 2));
    return;
  }
  PrintSizes("video", input);
  PrintLine("time",
            fmt::format("{} frames, {} steps of {} s", video.frames.size(), input.grid.t, input.seconds_per_step));
  PrintLine("patches",
            fmt::format("{} x {} x {}, {} altogether", input.grid.t, input.grid.w, input.grid.h, input.grid.patches()));
  PrintTokens(*processor, input);
}

}  // namespace tessera::cli
