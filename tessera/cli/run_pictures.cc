// `run` with models that draw: their pictures in files and on the terminal.

#include <fmt/format.h>

#include <filesystem>

#include "tessera/cli/interrupt.h"
#include "tessera/cli/progress.h"
#include "tessera/cli/run.h"
#include "tessera/cli/terminal.h"
#include "tessera/cli/terminal_picture.h"
#include "tessera/cli/word_wrap.h"
#include "tessera/image/encode.h"

namespace tessera::cli {

std::string PictureFile(const std::string& out, size_t n) {
  if (n == 0) return out;
  const std::filesystem::path path(out);
  return (path.parent_path() / fmt::format("{}-{}{}", path.stem().string(), n + 1, path.extension().string())).string();
}

infer::MixedAnswer AnswerWithPictures(RunSession& session, std::vector<int32_t> prompt,
                                      const infer::SamplingOptions& sampling) {
  using Form = infer::MixedRequest::Form;
  const RunOptions& o = session.options;
  // A name that no format fits must not be found out after minutes of drawing.
  const std::string kind = std::filesystem::path(o.out).extension().string();
  Require(o.out.empty() || kind == ".png" || kind == ".jpg" || kind == ".jpeg" || kind == ".webp",
          "--out: {} must end in .png, .jpg, .jpeg or .webp", o.out);
  const InterruptScope interrupt;
  ProgressBar progress(*session.globals, ProgressBar::Unit::kItems);
  WordWrap wrap(OutputIsTerminal() ? TerminalWidth() : 0);
  const auto show = [&](const std::string& text) {
    if (!o.json && !text.empty()) WriteOutput(OutputIsTerminal() ? Printable(text) : text);
  };
  infer::MixedRequest request{.prompt = std::move(prompt),
                              .max_tokens = o.max_tokens,
                              .stop = o.sampling.stop,
                              .ignore_eos = o.ignore_eos,
                              .sampling = sampling};
  if (!session.loaded.model->picture_tokens()->can_draw() && o.out.empty())
    request.form = Form::kText;
  else if (!o.out.empty() && !o.interleaved)
    request.form = Form::kPicture;
  size_t drawn = 0;
  const infer::MixedListener listener{
      .text =
          [&](std::string_view piece) {
            show(wrap.Push(piece));
            return !interrupt.interrupted();
          },
      .progress =
          [&](int64_t tokens, int64_t of) {
            progress.Update("drawing", tokens, of);
            return !interrupt.interrupted();
          },
      .picture =
          [&](const infer::DrawnPicture& picture) {
            progress.Erase();
            show(wrap.Flush());
            if (!o.out.empty()) image::WritePicture(PictureFile(o.out, drawn), picture.pixels);
            const PictureProtocol protocol = o.json ? PictureProtocol::kNone : TerminalPictures();
            if (protocol != PictureProtocol::kNone)
              WriteOutput("\n" + TerminalPicture(picture.pixels, protocol, TerminalWidth()));
            else if (o.out.empty())
              show(request.picture_mark);
            else
              show(PictureFile(o.out, drawn));
            ++drawn;
          }};
  infer::MixedAnswer answer =
      infer::GenerateMixed(*session.engine, *session.loaded.model, *session.loaded.tokenizer, request, listener);
  show(wrap.Flush());
  return answer;
}

}  // namespace tessera::cli
