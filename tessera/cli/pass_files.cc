#include "tessera/cli/pass_files.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "tessera/core/error.h"
#include "tessera/image/decode.h"
#include "tessera/models/place_vision.h"
#include "tessera/models/vision_tensors.h"
#include "tessera/text/tokenizer.h"
#include "tessera/weights/locate.h"
#include "tessera/weights/safetensors.h"

namespace tessera::cli {
namespace {

PassInput FromFile(const std::string& path) {
  const auto file = weights::SafetensorsFile::Open(path);
  const auto find = [&](const char* name) { return file.Has(name) ? file.Get(name) : Tensor(); };
  PassInput input{.batch = {.input_ids = find("input_ids"),
                            .attention_mask = find("attention_mask"),
                            .position_ids = find("position_ids"),
                            .labels = find("labels")},
                  .vision = {.pixel_values = find("pixel_values"),
                             .image_grid_thw = find(file.Has("image_grid_hws") ? "image_grid_hws" : "image_grid_thw"),
                             .pixel_values_videos = find("pixel_values_videos"),
                             .video_grid_thw = find("video_grid_thw"),
                             .second_per_grid_ts = find("second_per_grid_ts")}};
  Require(input.batch.input_ids.defined(),
          "{}: it has no tensor \"input_ids\"; write the token ids there as i64 [B, T]", path);
  return input;
}

PassInput FromPrompt(const PassFlags& flags) {
  PassInput input;
  for (const std::string& path : flags.images) input.pictures.push_back(image::ReadImage(path));
  for (const std::string& path : flags.videos)
    input.videos.push_back(image::ReadVideo(path, {.frames_per_second = flags.video_rate}));
  const std::vector<int32_t> tokens = text::Tokenizer::Load(weights::Locate(flags.model))->Encode(flags.prompt);
  Require(!tokens.empty(), "prompt: it is empty");
  input.batch.input_ids = Tensor::From<int64_t>({tokens.begin(), tokens.end()}, {1, std::ssize(tokens)});
  return input;
}

}  // namespace

void AddPassFlags(CLI::App& command, PassFlags& flags) {
  command.add_option("MODEL", flags.model, "The model")->required();
  command.add_option("--mmproj", flags.vision_file, "The GGUF file of the part that sees pictures, if it is not found")
      ->check(CLI::ExistingFile);
  auto* input = command.add_option("-i,--input", flags.input, "A safetensors file with input_ids [B, T]");
  auto* prompt =
      command.add_option("-p,--prompt", flags.prompt, "A text instead, its placeholders for pictures unexpanded");
  prompt->excludes(input);
  command.add_option("--image", flags.images, "A picture for the prompt's next placeholder; may be repeated")
      ->needs(prompt)
      ->allow_extra_args(false);
  auto* videos = command.add_option("--video", flags.videos, "A video for the prompt's next placeholder; needs ffmpeg")
                     ->needs(prompt)
                     ->allow_extra_args(false);
  command.add_option("--fps", flags.video_rate, "Frames taken of a video in a second")
      ->needs(videos)
      ->check(CLI::Range(0.001, 1000.0))
      ->capture_default_str();
  command.add_option("-o,--output", flags.output, "The safetensors file to write")->required();
  command.add_option("--dtype", flags.dtype, "Arithmetic: f32, or weights and activations in bf16")
      ->check(CLI::IsMember({"f32", "bf16"}))
      ->capture_default_str();
}

DType PassDType(const PassFlags& flags) { return DTypeFromName(flags.dtype); }

PassInput ReadInput(const PassFlags& flags) {
  Require(!flags.input.empty() || !flags.prompt.empty(), "nothing to run: give --input FILE or --prompt TEXT");
  return flags.input.empty() ? FromPrompt(flags) : FromFile(flags.input);
}

models::PaddedBatch BatchFor(const models::LanguageModel& model, const PassFlags& flags, PassInput input) {
  models::PaddedBatch batch = std::move(input.batch);
  const models::VisionTensors& v = input.vision;
  const bool tensors = v.pixel_values || v.image_grid_thw || v.pixel_values_videos || v.video_grid_thw;
  const bool prompt = flags.input.empty();
  if (model.vision() == nullptr) {
    Require(!tensors && input.pictures.empty() && input.videos.empty(), "{}: models of type \"{}\" see no pictures",
            InputName(flags), model.summary().family);
    return batch;
  }
  return WithContext(InputName(flags), [&] {
    if (tensors) batch.vision = models::SplitVision(v, *model.vision());
    if (tensors && model.vision()->early_fusion()) {
      Require(!Info(batch.input_ids.dtype()).is_float, "\"input_ids\" must be i64, they are {}",
              Name(batch.input_ids.dtype()));
      const Tensor ids = batch.input_ids.Contiguous().To(DType::kI64);
      batch.input_ids = Tensor::From<int64_t>(
          models::FillPlaceholders(ids.data<int64_t>(), batch.vision, *model.vision()), ids.shape());
      batch.vision.clear();  // the ids say all
    }
    if (!prompt) return batch;
    for (const Tensor& picture : input.pictures) batch.vision.push_back(model.vision()->Prepare(picture));
    for (const image::Video& video : input.videos)
      batch.vision.push_back(model.vision()->PrepareVideo(video.frames, video.frames_per_second));
    const auto ids = models::ExpandPlaceholders(batch.input_ids.data<int64_t>(), batch.vision, *model.vision());
    batch.input_ids = Tensor::From<int64_t>(ids, {1, std::ssize(ids)});
    if (model.vision()->early_fusion()) batch.vision.clear();  // the ids say all
    return batch;
  });
}

std::string InputName(const PassFlags& flags) { return flags.input.empty() ? "prompt" : flags.input; }

void WriteResults(const PassFlags& flags, const models::NamedTensors& results, const Globals& globals) {
  weights::WriteSafetensors(flags.output, results, {{"model", flags.model}, {"dtype", flags.dtype}});
  if (globals.quiet) return;
  fmt::print(stderr, "wrote {} tensors to {}", results.size(), flags.output);
  const auto loss = std::ranges::find(results, "loss", &models::NamedTensors::value_type::first);
  if (loss != results.end()) fmt::print(stderr, "; loss {:.6f}", loss->second.data<float>()[0]);
  fmt::print(stderr, "\n");
}

}  // namespace tessera::cli
