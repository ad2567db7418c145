#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "tessera/cli/commands.h"
#include "tessera/cli/json_lines.h"
#include "tessera/cli/locate_tokenizer.h"
#include "tessera/core/error.h"
#include "tessera/text/tokenizer.h"

namespace tessera::cli {
namespace {

struct Options {
  std::string model;
  bool plain = false, add_special = false;
};

void Tokenize(const Options& options) {
  const auto tokenizer = text::Tokenizer::Load(LocateTokenizer(options.model));
  const text::EncodeOptions encode{
      .special = options.plain ? text::SpecialTokens::kPlain : text::SpecialTokens::kRecognize,
      .add_special = options.add_special};
  MapJsonLines(stdin, stdout, [&](const Json& line) {
    Require(line.contains("text") && line["text"].is_string(), "\"text\" must be there and be a string");
    return Json{{"ids", tokenizer->Encode(line["text"].get_ref<const std::string&>(), encode)}};
  });
}

}  // namespace

void AddTokenize(CLI::App& program, const Globals&) {
  CLI::App* command = program.add_subcommand("tokenize", "Turn text into token ids, as JSON lines");
  command->footer(
      "Reads lines {\"text\": \"…\"} from standard input and writes {\"ids\": […]} for each.\n"
      "Special tokens in the text, such as <|im_end|>, are recognised unless --plain is given.\n\n"
      "echo '{\"text\": \"Hello\"}' | tessera tokenize smollm2");
  const auto options = std::make_shared<Options>();
  command->add_option("MODEL", options->model, "A model, or a directory or file that holds just its tokenizer")
      ->required();
  command->add_flag("--plain", options->plain, "Special tokens in the text are text like any other");
  command->add_flag("--add-special", options->add_special, "Add what the model adds: BOS, EOS");
  command->callback([options] { Tokenize(*options); });
}

}  // namespace tessera::cli
