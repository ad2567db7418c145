#include "tessera/models/perplexity.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <memory>

#include "tessera/cli/commands.h"
#include "tessera/cli/device_flag.h"
#include "tessera/cli/progress.h"
#include "tessera/cli/read_text.h"
#include "tessera/core/error.h"
#include "tessera/core/json.h"
#include "tessera/core/json_text.h"
#include "tessera/models/load.h"
#include "tessera/text/tokenizer.h"
#include "tessera/weights/checkpoint.h"
#include "tessera/weights/locate.h"

namespace tessera::cli {
namespace {

struct Options {
  std::string model, file, dtype = "f32", device = kDefaultDevice, cache_type;
  int64_t window = 0, stride = 0;  // 0: chosen from the model
  bool exact = false, json = false;
};

// A window long enough that most tokens have seen much, short enough to be quick.
constexpr int64_t kWindow = 1024;

// The text's ids behind what the model puts in front of a text.
std::vector<int64_t> Tokens(const weights::Checkpoint& checkpoint, const std::string& text) {
  const auto tokenizer = text::Tokenizer::Load(checkpoint.path());
  std::vector<int64_t> ids(tokenizer->prefix_ids().begin(), tokenizer->prefix_ids().end());
  const std::vector<int32_t> encoded = tokenizer->Encode(text);
  ids.insert(ids.end(), encoded.begin(), encoded.end());
  return ids;
}

void RunPerplexity(const Options& options, const Globals& globals) {
  const auto checkpoint = weights::Checkpoint::Open(weights::Locate(options.model));
  const std::vector<int64_t> ids = Tokens(checkpoint, ReadText(options.file));
  const Device device = DeviceFromName(options.device);
  const auto precision = options.exact ? ops::LinearPrecision::kExact : ops::LinearPrecision::kFast;
  ProgressBar bar(globals, ProgressBar::Unit::kItems);
  const int64_t tensors = std::ssize(checkpoint.tensors());
  const auto model = models::LoadModel(
      checkpoint, {.activations = DTypeFromName(options.dtype),
                   .pack = !options.exact && device == Device::kCpu,
                   .device = device,
                   .precision = precision,
                   .on_weight = [&, done = int64_t{0}]() mutable { bar.Update("loading", ++done, tensors); }});
  models::PerplexityOptions measure;
  measure.window = options.window > 0 ? options.window : std::min(kWindow, model->summary().max_context);
  measure.stride = options.stride > 0 ? options.stride : std::max<int64_t>(1, measure.window / 2);
  Require(measure.window <= model->summary().max_context,
          "perplexity: a window of {} tokens; the model was made for {}", measure.window, model->summary().max_context);
  if (!options.cache_type.empty()) measure.cache = DTypeFromName(options.cache_type);
  measure.progress = [&](int64_t done, int64_t total) { bar.Update("perplexity", done, total); };
  const auto start = std::chrono::steady_clock::now();
  const models::PerplexityResult result = models::MeasurePerplexity(*model, ids, measure);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  checkpoint.RequireIntact();
  bar.Erase();
  if (options.json) {
    const Json json = {{"tokens", ids.size()},
                       {"scored", result.log_probabilities.size()},
                       {"window", measure.window},
                       {"stride", measure.stride},
                       {"mean_nll", result.mean_nll},
                       {"perplexity", result.perplexity},
                       {"standard_error", result.standard_error},
                       {"seconds", seconds.count()}};
    fmt::print("{}\n", JsonText(json));
    return;
  }
  fmt::print("perplexity  {:.4f} ± {:.4f}\n", result.perplexity, result.standard_error);
  fmt::print("mean nll    {:.6f}\n", result.mean_nll);
  fmt::print("tokens      {}, windows of {} moving by {}\n", ids.size(), measure.window, measure.stride);
}

}  // namespace

void AddPerplexity(CLI::App& program, const Globals& globals) {
  CLI::App* command = program.add_subcommand("perplexity", "Measure how well a model foretells a text");
  command->footer(
      "perplexity = exp(mean of -ln p(token | tokens before it in its window)). Every token but the first is scored\n"
      "once. What follows ± is one standard error. Special tokens in the text are recognised.\n\n"
      "tessera perplexity smollm2 book.txt");
  const auto options = std::make_shared<Options>();
  command->add_option("MODEL", options->model, "The model")->required();
  command->add_option("FILE", options->file, "A text file, or - for standard input")->required();
  command->add_option("-w,--window", options->window, "Tokens that a prediction may look at (default: 1024 at most)")
      ->check(CLI::Range(int64_t{2}, int64_t{1} << 24));
  command->add_option("-s,--stride", options->stride, "Tokens that the window moves by (default: half of it)")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 24));
  command->add_option("--dtype", options->dtype, "Activations: f32 or bf16")
      ->check(CLI::IsMember({"f32", "bf16"}))
      ->capture_default_str();
  AddDevice(*command, options->device);
  command
      ->add_option("--cache-type", options->cache_type,
                   "Pass keys and values through a cache: f32, bf16, f16 or q8_0 (default: none, as activations are)")
      ->check(CLI::IsMember({"f32", "bf16", "f16", "q8_0"}));
  command->add_flag("--exact", options->exact, "Quantised weights meet activations in full, not in 8 bits");
  command->add_flag("--json", options->json, "Print a JSON object");
  command->callback([options, &globals] { RunPerplexity(*options, globals); });
}

}  // namespace tessera::cli
