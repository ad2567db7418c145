#include <CLI/CLI.hpp>
#include <memory>

#include "tessera/cli/commands.h"
#include "tessera/cli/pass_files.h"
#include "tessera/core/error.h"
#include "tessera/models/load.h"
#include "tessera/weights/checkpoint.h"
#include "tessera/weights/locate.h"

namespace tessera::cli {
namespace {

void RunGradVerb(const PassFlags& flags, const Globals& globals) {
  PassInput input = ReadInput(flags);
  const auto checkpoint = weights::Checkpoint::Open(weights::Locate(flags.model), flags.vision_file);
  const DType dtype = PassDType(flags);
  const auto model = models::LoadModel(checkpoint, {.weights = dtype, .activations = dtype});
  const models::PaddedBatch batch = BatchFor(*model, flags, std::move(input));
  const auto results = WithContext(InputName(flags), [&] { return models::RunGradient(*model, batch); });
  checkpoint.RequireIntact();
  WriteResults(flags, results, globals);
}

}  // namespace

void AddGrad(CLI::App& program, const Globals& globals) {
  CLI::App* command = program.add_subcommand("grad", "Write the loss and its gradient in every weight");
  command->footer(
      "IN is as for `tessera forward`, with labels. OUT gets what forward writes and, for every weight, grad.NAME in\n"
      "float32 under the checkpoint's own name. Weights in block formats are dequantised first.\n\n"
      "tessera grad MODEL --input in.safetensors --output out.safetensors");
  const auto flags = std::make_shared<PassFlags>();
  AddPassFlags(*command, *flags);
  command->callback([flags, &globals] { RunGradVerb(*flags, globals); });
}

}  // namespace tessera::cli
