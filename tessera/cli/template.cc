#include <CLI/CLI.hpp>
#include <chrono>
#include <ctime>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "tessera/cli/commands.h"
#include "tessera/cli/json_lines.h"
#include "tessera/core/error.h"
#include "tessera/core/mapped_file.h"
#include "tessera/text/chat_template.h"
#include "tessera/text/model_chat_template.h"
#include "tessera/weights/locate.h"

namespace tessera::cli {
namespace {

constexpr int64_t kMaxTemplateFile = int64_t{64} << 20;

struct Options {
  std::string model, file, name, now;
  bool print = false;
};

// The time, or nothing: "2024-07-26", "2024-07-26T12:30" or "2024-07-26T12:30:15", in local time.
std::optional<std::chrono::system_clock::time_point> ParseTime(const std::string& text) {
  for (const char* format : {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"}) {
    std::tm parts{};
    const char* end = strptime(text.c_str(), format, &parts);
    if (end == nullptr || *end != '\0') continue;
    parts.tm_isdst = -1;
    return std::chrono::system_clock::from_time_t(std::mktime(&parts));
  }
  return std::nullopt;
}

class Templates {
 public:
  explicit Templates(const Options& options) : name_(options.name) {
    if (!options.file.empty()) {
      only_.emplace(ReadFile(options.file, kMaxTemplateFile));
    } else {
      model_ = text::ModelChatTemplates::Load(weights::Locate(options.model));
    }
  }

  const text::ChatTemplate& For(const Json& variables) {
    if (only_) return *only_;
    const std::string& source = name_.empty() ? model_.SourceFor(variables) : model_.Source(name_);
    return parsed_.try_emplace(&source, source).first->second;
  }

  const text::ModelChatTemplates& model() const { return model_; }

 private:
  std::string name_;
  std::optional<text::ChatTemplate> only_;
  text::ModelChatTemplates model_;
  std::map<const std::string*, text::ChatTemplate> parsed_;
};

void RenderLines(const Options& options) {
  Templates templates(options);
  if (options.print) {
    const std::string& source = templates.For(Json::object()).source();
    std::fwrite(source.data(), 1, source.size(), stdout);
    return;
  }
  text::RenderOptions render;
  if (!options.now.empty()) {
    render.now = ParseTime(options.now);
    Require(render.now.has_value(), "--now: \"{}\" is no time; write it as 2024-07-26 or 2024-07-26T12:30:15",
            options.now);
  }
  MapJsonLines(stdin, stdout, [&](const Json& line) {
    Json variables = templates.model().special_tokens();
    for (const auto& [key, value] : line.items()) variables[key] = value;
    text::RenderOptions clock = render;
    if (!clock.now && line.contains("now") && line["now"].is_string())
      clock.now = ParseTime(line["now"].get_ref<const std::string&>());
    const text::ChatTemplate& chat = templates.For(line);
    try {
      return Json{{"text", chat.Render(variables, clock)}};
    } catch (const Error& error) {
      return Json{{"error", error.what()}};
    }
  });
}

}  // namespace

void AddTemplate(CLI::App& program, const Globals&) {
  CLI::App* command = program.add_subcommand("template", "Write conversations as a model's chat template does");
  command->footer(
      "Reads lines of template variables from standard input and writes {\"text\": \"…\"} for each, or\n"
      "{\"error\": \"…\"} when the template refuses them. A line's \"now\" is the clock, like --now.\n\n"
      "echo '{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}], \"add_generation_prompt\": true}' |\n"
      "  tessera template smollm2");
  const auto options = std::make_shared<Options>();
  auto* model = command->add_option("MODEL", options->model, "A model; its files give the template and special tokens");
  auto* file = command->add_option("--file", options->file, "A file with a template, instead of a model's");
  command->add_option("--name", options->name, "One of the model's named templates")->needs(model);
  command->add_option("--now", options->now, "The time that strftime_now sees, as 2024-07-26T12:30:15");
  command->add_flag("--print", options->print, "Print the template itself");
  file->excludes(model);
  command->callback([options] {
    if (options->model.empty() && options->file.empty()) throw CLI::RequiredError("MODEL or --file");
    RenderLines(*options);
  });
}

}  // namespace tessera::cli
