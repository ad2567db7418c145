#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "tessera/cli/commands.h"
#include "tessera/cli/device_flag.h"
#include "tessera/cli/pass_files.h"
#include "tessera/core/error.h"
#include "tessera/infer/greedy.h"
#include "tessera/infer/picture_cache.h"
#include "tessera/models/load.h"
#include "tessera/models/place_vision.h"
#include "tessera/weights/checkpoint.h"
#include "tessera/weights/locate.h"
#include "tessera/weights/safetensors.h"

namespace tessera::cli {
namespace {

struct Options {
  std::string device = kDefaultDevice;
  PassFlags pass;
  int64_t greedy = 0;
};

// The rows that greedy decoding continues: those of "greedy.prompt_ids" if the input has it, else the batch's.
models::PaddedBatch Prompts(const PassFlags& flags, const models::PaddedBatch& batch) {
  if (flags.input.empty()) return batch;
  const auto file = weights::SafetensorsFile::Open(flags.input);
  if (!file.Has("greedy.prompt_ids")) return batch;
  return {.input_ids = file.Get("greedy.prompt_ids"), .attention_mask = {}, .position_ids = {}, .labels = {}};
}

// Continues the prompts with the batch's pictures; placeholders are never chosen.
Tensor Continue(const models::LanguageModel& model, const Options& options, const models::PaddedBatch& batch) {
  const auto prompts = models::Sequences(Prompts(options.pass, batch), model.summary().vocab);
  infer::GreedyOptions greedy{.tokens = options.greedy, .cache_dtype = PassDType(options.pass)};
  std::vector<infer::PromptVision> vision;
  if (model.vision() != nullptr) {
    for (const auto kind : {models::VisionKind::kImage, models::VisionKind::kVideo})
      if (const int64_t id = model.vision()->Placeholder(kind); id >= 0) greedy.never.push_back(id);
    if (!batch.vision.empty()) vision = infer::SeeInputs(*model.vision(), prompts, batch.vision);
  }
  greedy.vision = vision;
  const Tensor ids = infer::Greedy(model, prompts, greedy);
  return ids.dim(0) == 1 ? ids.Reshape({options.greedy}) : ids;
}

void RunForwardVerb(const Options& options, const Globals& globals) {
  PassInput input = ReadInput(options.pass);
  const auto checkpoint = weights::Checkpoint::Open(weights::Locate(options.pass.model), options.pass.vision_file);
  const DType dtype = PassDType(options.pass);
  models::LoadOptions load{
      .activations = dtype, .device = DeviceFromName(options.device), .precision = ops::LinearPrecision::kExact};
  if (dtype == DType::kBF16) load.weights = dtype;
  const auto model = models::LoadModel(checkpoint, load);
  const models::PaddedBatch batch = BatchFor(*model, options.pass, std::move(input));
  auto results = WithContext(InputName(options.pass), [&] { return models::RunForward(*model, batch); });
  if (options.greedy > 0) {
    results.emplace_back("greedy.ids",
                         WithContext(InputName(options.pass), [&] { return Continue(*model, options, batch); }));
  }
  checkpoint.RequireIntact();
  WriteResults(options.pass, results, globals);
}

}  // namespace

void AddForward(CLI::App& program, const Globals& globals) {
  CLI::App* command = program.add_subcommand("forward", "Write the logits and hidden states of one pass");
  command->footer(
      "IN holds input_ids [B, T]; where present also attention_mask and position_ids [B, T] (padded rows come out as\n"
      "zeros) and labels [B, T], shifted inside: the row at t is asked for the label at t + 1, -100 asks for nothing.\n"
      "For models that see pictures also pixel_values [P, K] with image_grid_thw [N, 3], pixel_values_videos with\n"
      "video_grid_thw and second_per_grid_ts [N], and position_ids may be [3, B, T]; for Kimi-VL pixel_values\n"
      "[P, 3, p, p] with image_grid_hws [N, 2], for Chameleon [N, 3, S, S]. Instead of IN, --prompt with an --image or "
      "a --video for each of\n"
      "its placeholders.\n"
      "OUT gets, in float32: logits [B, T, V], hidden.embed, hidden.layerN, hidden.final_norm [B, T, C], loss [1],\n"
      "and for pictures vision.patch_embed, vision.blockN [P, C'] and vision_embeds [N, C].\n"
      "--greedy N adds greedy.ids [N] ([B, N] if B > 1): the continuation of each row, or of greedy.prompt_ids if IN\n"
      "has that, going on after end-of-text ids.\n\n"
      "tessera forward smollm2 --input in.safetensors --output out.safetensors");
  const auto options = std::make_shared<Options>();
  AddPassFlags(*command, options->pass);
  AddDevice(*command, options->device);
  command->add_option("--greedy", options->greedy, "Add this many greedily chosen ids")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 24));
  command->callback([options, &globals] { RunForwardVerb(*options, globals); });
}

}  // namespace tessera::cli
