#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "tessera/cli/commands.h"
#include "tessera/cli/inspect_picture.h"
#include "tessera/cli/progress.h"
#include "tessera/cli/terminal.h"
#include "tessera/core/error.h"
#include "tessera/core/json_text.h"
#include "tessera/weights/locate.h"
#include "tessera/weights/summary.h"

namespace tessera::cli {
namespace {

struct Options {
  std::string model, image, video, save, vision_file;
  double video_rate = 2;
  int64_t context = 0;
  bool tensors = false, json = false;
};

// Names come from files and may hold anything; a name stays on its line.
std::string OneLine(std::string_view text) {
  std::string line = Printable(text);
  std::ranges::replace_if(
      line, [](char c) { return c == '\n' || c == '\t'; }, '?');
  return line;
}

constexpr std::pair<std::string_view, double> kCacheTypes[] = {
    {"f32", 4}, {"bf16", 2}, {"f16", 2}, {"q8_0", 34.0 / 32}};

int64_t Context(const weights::Summary& summary, const Options& options) {
  return options.context > 0 ? options.context : summary.max_context.value_or(4096);
}

Json Describe(const weights::Checkpoint& checkpoint, const weights::Summary& summary, const Options& options) {
  const auto number = [](const std::optional<int64_t>& value) { return value ? Json(*value) : Json(); };
  Json json = {{"path", checkpoint.path().string()},
               {"format", checkpoint.format()},
               {"family", summary.family},
               {"parameters", summary.parameters},
               {"bytes", summary.bytes},
               {"bits_per_weight", summary.bits_per_weight()},
               {"layers", number(summary.layers)},
               {"hidden", number(summary.hidden)},
               {"heads", number(summary.heads)},
               {"kv_heads", number(summary.kv_heads)},
               {"head_dim", number(summary.head_dim)},
               {"latent", number(summary.latent)},
               {"ffn", number(summary.ffn)},
               {"vocabulary", number(summary.vocabulary)},
               {"max_context", number(summary.max_context)},
               {"tied", summary.tied}};
  json["dtypes"] = Json::object();
  for (const auto& [dtype, share] : summary.dtypes)
    json["dtypes"][std::string(Name(dtype))] = {
        {"tensors", share.tensors}, {"values", share.values}, {"bytes", share.bytes}};
  const int64_t context = Context(summary, options);
  json["memory"] = {{"context", context}, {"weights", summary.bytes}, {"cache", Json::object()}};
  for (const auto& [name, bytes] : kCacheTypes)
    json["memory"]["cache"][std::string(name)] = number(summary.CacheBytes(context, bytes));
  json["config"] = checkpoint.config();
  if (!options.tensors) return json;
  json["tensors"] = Json::array();
  for (const weights::TensorInfo& info : checkpoint.tensors())
    json["tensors"].push_back({{"name", info.name},
                               {"shape", std::vector<int64_t>(info.shape.begin(), info.shape.end())},
                               {"dtype", Name(info.dtype)},
                               {"bytes", info.bytes}});
  return json;
}

void PrintTensors(const weights::Checkpoint& checkpoint) {
  size_t width = 6;
  for (const weights::TensorInfo& info : checkpoint.tensors()) width = std::max(width, info.name.size());
  fmt::print("{:<{}}  {:<18} {:<7} {:>10}\n", "TENSOR", width, "SHAPE", "DTYPE", "SIZE");
  for (const weights::TensorInfo& info : checkpoint.tensors())
    fmt::print("{:<{}}  {:<18} {:<7} {:>10}\n", OneLine(info.name), width, ToString(info.shape), Name(info.dtype),
               HumanBytes(info.bytes));
}

void PrintSummary(const weights::Checkpoint& checkpoint, const weights::Summary& summary, const Options& options) {
  const auto line = [](std::string_view name, const std::string& value) { fmt::print("{:<14} {}\n", name, value); };
  const auto size = [&](std::string_view name, const std::optional<int64_t>& value) {
    if (value) line(name, fmt::format("{}", *value));
  };
  line("path", checkpoint.path().string());
  line("format", std::string(checkpoint.format()));
  line("architecture", summary.family.empty() ? "not said" : OneLine(summary.family));
  line("parameters", fmt::format("{:.1f} M", static_cast<double>(summary.parameters) / 1e6));
  line("weights", fmt::format("{}, {:.2f} bits a weight", HumanBytes(summary.bytes), summary.bits_per_weight()));
  size("layers", summary.layers);
  size("hidden", summary.hidden);
  if (summary.heads && summary.latent)
    line("heads", fmt::format("{}, keys and values from one latent of {}", *summary.heads, *summary.latent));
  else if (summary.heads && summary.kv_heads && summary.head_dim)
    line("heads",
         fmt::format("{} of {}, {} for keys and values", *summary.heads, *summary.head_dim, *summary.kv_heads));
  size("feed-forward", summary.ffn);
  if (summary.vocabulary)
    line("vocabulary", fmt::format("{}{}", *summary.vocabulary, summary.tied ? ", output tied to the embedding" : ""));
  size("max context", summary.max_context);
  for (const auto& [dtype, share] : summary.dtypes)
    line(fmt::format("  {}", Name(dtype)),
         fmt::format("{:>4} tensors, {:>9.2f} M values, {:>9}", share.tensors, static_cast<double>(share.values) / 1e6,
                     HumanBytes(share.bytes)));
  const int64_t context = Context(summary, options);
  for (const auto& [name, bytes] : kCacheTypes) {
    if (const auto cache = summary.CacheBytes(context, bytes))
      line(fmt::format("memory, {}", name),
           fmt::format("{} = weights + {} for {} tokens of context with a cache in {}",
                       HumanBytes(summary.bytes + *cache), HumanBytes(*cache), context, name));
  }
}

void RunInspect(const Options& options) {
  const auto checkpoint = weights::Checkpoint::Open(weights::Locate(options.model), options.vision_file);
  if (!options.image.empty())
    return InspectPicture(checkpoint, {.file = options.image, .save = options.save, .json = options.json});
  if (!options.video.empty())
    return InspectVideo(checkpoint,
                        {.file = options.video, .frames_per_second = options.video_rate, .json = options.json});
  const weights::Summary summary = weights::Summarize(checkpoint);
  // Text in a file may be anything; JSON must be UTF-8.
  if (options.json)
    fmt::print("{}\n", JsonText(Describe(checkpoint, summary, options), 2));
  else if (options.tensors)
    PrintTensors(checkpoint);
  else
    PrintSummary(checkpoint, summary, options);
}

}  // namespace

void AddInspect(CLI::App& program, const Globals&) {
  CLI::App* command = program.add_subcommand("inspect", "Show a model's architecture, tensors and memory need");
  command->footer(
      "MODEL is a GGUF file, a safetensors file, a directory, org/name in Hugging Face's cache, or a name of\n"
      "the catalogue. No weight is read.\n\n"
      "tessera inspect ./UI-TARS-2B --image screen.png --save seen.png     the picture as the model sees it");
  auto options = std::make_shared<Options>();
  command->add_option("MODEL", options->model, "The model")->required();
  command->add_option("-c,--context", options->context, "Tokens of context to count memory for (default: the model's)")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40));
  command->add_option("--mmproj", options->vision_file, "The GGUF file of the part that sees pictures, if not found")
      ->check(CLI::ExistingFile);
  command->add_flag("--tensors", options->tensors, "List the tensors");
  command->add_flag("--json", options->json, "Print a JSON object");
  auto* image = command->add_option("--image", options->image, "Show what the model makes of a picture instead")
                    ->check(CLI::ExistingFile);
  auto* video = command->add_option("--video", options->video, "The same of a video; needs ffmpeg")
                    ->check(CLI::ExistingFile)
                    ->excludes(image);
  command->add_option("--fps", options->video_rate, "Frames taken of it in a second")
      ->needs(video)
      ->check(CLI::Range(0.001, 1000.0))
      ->capture_default_str();
  command->add_option("--save", options->save, "Write the picture as the model sees it: .png, .jpg or .webp")
      ->needs(image);
  command->callback([options] { RunInspect(*options); });
}

}  // namespace tessera::cli
