#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "tessera/cli/commands.h"
#include "tessera/cli/json_lines.h"
#include "tessera/cli/locate_tokenizer.h"
#include "tessera/core/error.h"
#include "tessera/core/json_text.h"
#include "tessera/text/stream_decoder.h"
#include "tessera/text/tokenizer.h"

namespace tessera::cli {
namespace {

struct Options {
  std::string model;
  bool stream = false, bytes = false, skip_special = false;
};

std::vector<int32_t> IdsOf(const Json& line, const text::Tokenizer& tokenizer) {
  Require(line.contains("ids") && line["ids"].is_array(), "\"ids\" must be there and be a list");
  std::vector<int32_t> ids;
  for (const Json& id : line["ids"]) {
    // Numbers beyond 2^63 are unsigned here and would wrap.
    const bool fits = id.is_number_integer() && (!id.is_number_unsigned() || id.get<uint64_t>() <= INT32_MAX);
    Require(fits && tokenizer.Has(id.get<int64_t>()), "{} is not an id of this vocabulary, which has ids below {}",
            JsonText(id).substr(0, 40), tokenizer.vocab_size());
    ids.push_back(id.get<int32_t>());
  }
  return ids;
}

std::string Hex(std::string_view bytes) {
  std::string hex;
  for (const char byte : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return hex;
}

Json Stream(const std::vector<int32_t>& ids, const text::Tokenizer& tokenizer, const text::DecodeOptions& decode) {
  text::StreamDecoder decoder(tokenizer, decode);
  Json pieces = Json::array();
  for (const int32_t id : ids) pieces.push_back(decoder.Push(id));
  return {{"pieces", pieces}, {"tail", decoder.Flush()}};
}

void Detokenize(const Options& options) {
  const auto tokenizer = text::Tokenizer::Load(LocateTokenizer(options.model));
  const text::DecodeOptions decode{.skip_special = options.skip_special};
  MapJsonLines(stdin, stdout, [&](const Json& line) -> Json {
    const auto ids = IdsOf(line, *tokenizer);
    if (options.stream) return Stream(ids, *tokenizer, decode);
    Json result = {{"text", tokenizer->Decode(ids, decode)}};
    if (options.bytes) result["bytes_hex"] = Hex(tokenizer->DecodeBytes(ids, decode));
    return result;
  });
}

}  // namespace

void AddDetokenize(CLI::App& program, const Globals&) {
  CLI::App* command = program.add_subcommand("detokenize", "Turn token ids into text, as JSON lines");
  command->footer(
      "Reads lines {\"ids\": […]} from standard input and writes {\"text\": \"…\"} for each.\n"
      "Bytes that are no text are shown as U+FFFD.\n\n"
      "echo '{\"ids\": [19556, 2]}' | tessera detokenize smollm2");
  const auto options = std::make_shared<Options>();
  command->add_option("MODEL", options->model, "A model, or a directory or file that holds just its tokenizer")
      ->required();
  auto* stream = command->add_flag("--stream", options->stream,
                                   "Write {\"pieces\": […], \"tail\": …}: what may be shown after each id");
  command->add_flag("--bytes", options->bytes, "Write the exact bytes too, as \"bytes_hex\"")->excludes(stream);
  command->add_flag("--skip-special", options->skip_special, "Leave special tokens out");
  command->callback([options] { Detokenize(*options); });
}

}  // namespace tessera::cli
