#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "tessera/cli/commands.h"
#include "tessera/cli/pass_files.h"
#include "tessera/core/error.h"
#include "tessera/infer/greedy.h"
#include "tessera/models/load.h"
#include "tessera/weights/checkpoint.h"
#include "tessera/weights/locate.h"
#include "tessera/weights/safetensors.h"

namespace tessera::cli {
namespace {

struct Options {
  PassFlags pass;
  int64_t greedy = 0;
};

// The rows that greedy decoding continues: those of "greedy.prompt_ids" if the input has it, else the batch's.
models::PaddedBatch Prompts(const PassFlags& flags, const models::PaddedBatch& batch) {
  const auto file = weights::SafetensorsFile::Open(flags.input);
  if (!file.Has("greedy.prompt_ids")) return batch;
  return {.input_ids = file.Get("greedy.prompt_ids"), .attention_mask = {}, .position_ids = {}, .labels = {}};
}

void RunForwardVerb(const Options& options, const Globals& globals) {
  const models::PaddedBatch batch = ReadBatch(options.pass.input);
  const auto checkpoint = weights::Checkpoint::Open(weights::Locate(options.pass.model));
  const DType dtype = PassDType(options.pass);
  models::LoadOptions load{.activations = dtype, .precision = ops::LinearPrecision::kExact};
  if (dtype == DType::kBF16) load.weights = dtype;
  const auto model = models::LoadModel(checkpoint, load);
  auto results = WithContext(options.pass.input, [&] { return models::RunForward(*model, batch); });
  if (options.greedy > 0) {
    const auto prompts = WithContext(
        options.pass.input, [&] { return models::Sequences(Prompts(options.pass, batch), model->summary().vocab); });
    const auto ids = infer::Greedy(*model, prompts, {.tokens = options.greedy, .cache_dtype = dtype});
    const bool one = ids.dim(0) == 1;
    results.emplace_back("greedy.ids", one ? ids.Reshape({options.greedy}) : ids);
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
      "OUT gets, in float32: logits [B, T, V], hidden.embed, hidden.layerN, hidden.final_norm [B, T, C], and loss "
      "[1].\n"
      "--greedy N adds greedy.ids [N] ([B, N] if B > 1): the continuation of each row, or of greedy.prompt_ids if IN\n"
      "has that, going on after end-of-text ids.\n\n"
      "tessera forward smollm2 --input in.safetensors --output out.safetensors");
  const auto options = std::make_shared<Options>();
  AddPassFlags(*command, options->pass);
  command->add_option("--greedy", options->greedy, "Add this many greedily chosen ids")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 24));
  command->callback([options, &globals] { RunForwardVerb(*options, globals); });
}

}  // namespace tessera::cli
