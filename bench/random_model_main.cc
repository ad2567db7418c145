// Writes a model of any configuration with random weights, so that real sizes can be measured without their
// checkpoints; llama.cpp and its relatives read the GGUF files too.
//
//   random_model bench/configs/qwen2-1.5b.json /tmp/qwen2-1.5b-q4_0.gguf --type q4_0
//   random_model bench/configs/ui-tars-2b.json /tmp/ui-tars.gguf --mmproj /tmp/mmproj-ui-tars.gguf
//   random_model bench/configs/smollm2-135m.json /tmp/smollm2-bf16 --type bf16            a directory of safetensors

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "bench/random_model.h"
#include "bench/report_errors.h"
#include "tessera/core/error.h"
#include "tessera/core/mapped_file.h"
#include "tessera/weights/quantize_recipe.h"

namespace {

void ShowProgress(int64_t done, int64_t total) {
  if (isatty(STDERR_FILENO) == 0) return;
  fmt::print(stderr, "\r{:3.0f} % of {:.2f} billion values{}",
             100.0 * static_cast<double>(done) / static_cast<double>(total), static_cast<double>(total) * 1e-9,
             done == total ? "\n" : "");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App program("Write a model of any configuration with random weights");
  std::string config, out;
  tessera::bench::RandomModelOptions options{.on_progress = ShowProgress};
  program.add_option("CONFIG", config, "A config.json; bench/configs has some")->required();
  program.add_option("OUT", out, "A file that ends in .gguf, or a directory for safetensors")->required();
  program.add_option("--type", options.type,
                     fmt::format("Of the weights: {}", fmt::join(tessera::weights::RecipeNames(), ", ")));
  program.add_option("--mmproj", options.mmproj, "Put the vision part into this GGUF file, as llama.cpp wants it");
  program.add_option("--seed", options.seed, "Another seed, other weights");
  CLI11_PARSE(program, argc, argv);
  return tessera::bench::ReportErrors("random_model", [&] {
    const std::string text = tessera::ReadFile(config, int64_t{1} << 20);
    tessera::bench::WriteRandomModel(tessera::ParseJson(text, config), out, options);
    return 0;
  });
}
