#include "tessera/cli/inspect_picture.h"

#include <fmt/format.h>

#include "tessera/cli/terminal.h"
#include "tessera/cli/terminal_picture.h"
#include "tessera/core/error.h"
#include "tessera/core/json_text.h"
#include "tessera/image/decode.h"
#include "tessera/image/encode.h"
#include "tessera/models/load.h"
#include "tessera/weights/checkpoint.h"

namespace tessera::cli {

void InspectPicture(const weights::Checkpoint& checkpoint, const PictureQuestion& question) {
  const auto processor = models::LoadVisionProcessor(checkpoint);
  Require(processor != nullptr, "{}: the model sees no pictures", checkpoint.path().string());
  const Tensor picture = image::ReadImage(question.file);
  const models::VisionInput input = WithContext(question.file, [&] { return processor->Prepare(picture); });
  const auto& [original, encoded] = input.seen;
  const std::string_view points = image::Name(processor->points());
  if (!question.save.empty()) image::WritePicture(question.save, processor->Shown(picture));
  if (question.json) {
    const Json json = {{"file", question.file},
                       {"width", original.width},
                       {"height", original.height},
                       {"encoded_width", encoded.width},
                       {"encoded_height", encoded.height},
                       {"grid", {input.grid.t, input.grid.h, input.grid.w}},
                       {"patches", input.grid.patches()},
                       {"tokens", processor->Tokens(input.grid)},
                       {"points", points}};
    fmt::print("{}\n", JsonText(json, 2));
    return;
  }
  fmt::print("{:<14} {} x {} pixels\n", "picture", original.width, original.height);
  fmt::print("{:<14} {} x {} pixels\n", "seen as", encoded.width, encoded.height);
  fmt::print("{:<14} {} x {}, {} altogether\n", "patches", input.grid.w, input.grid.h, input.grid.patches());
  fmt::print("{:<14} {}\n", "tokens", processor->Tokens(input.grid));
  fmt::print("{:<14} {}\n", "points", points);
  if (const PictureProtocol protocol = TerminalPictures(); protocol != PictureProtocol::kNone)
    WriteOutput(TerminalPicture(processor->Shown(picture), protocol, TerminalWidth()));
}

}  // namespace tessera::cli
