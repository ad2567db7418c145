#include "tessera/cli/program.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <new>
#include <string>
#include <vector>

#include "tessera/cli/commands.h"
#include "tessera/cli/help.h"
#include "tessera/cli/interrupt.h"
#include "tessera/cli/terminal.h"
#include "tessera/cli/version.h"
#include "tessera/core/error.h"
#include "tessera/core/thread_pool.h"
#include "tessera/text/unicode.h"

namespace tessera::cli {
namespace {

// In the order that --help lists them.
constexpr NamedCommand kCommands[] = {
    {"run", AddRun},
    {"pull", AddPull},
    {"list", AddList},
    {"inspect", AddInspect},
    {"tokenize", AddTokenize},
    {"detokenize", AddDetokenize},
    {"template", AddTemplate},
    {"perplexity", AddPerplexity},
    {"forward", AddForward},
    {"grad", AddGrad},
    {"bench", AddBench},
    {"quantize", AddQuantize},
    {"math", AddMath},
    {"completion", AddCompletion, NamedCommand::About::kAllCommands},
    {"man", AddManual, NamedCommand::About::kAllCommands},
    {"version", AddVersion},
};

// Results that could not be written are a failure, for example on a full disk.
void RequireOutputWritten() {
  errno = 0;
  const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  Require(written, "standard output: {}", errno != 0 ? std::strerror(errno) : "not everything could be written");
}

// "tessera frobnicate" lacks a command for CLI11; a person mistook one. Empty for every other error.
std::string UnknownCommand(const CLI::App& program, const CLI::ParseError& error) {
  const bool lacks = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr && program.get_subcommands().empty();
  const std::vector<std::string> words = lacks ? program.remaining() : std::vector<std::string>();
  if (words.empty() || words[0].starts_with('-')) return "";
  std::string names;
  for (const CLI::App* command : program.get_subcommands([](const CLI::App*) { return true; }))
    names += (names.empty() ? "" : ", ") + command->get_name();
  return Printable(fmt::format("tessera: \"{}\" is not a command; the commands are {}\n", words[0], names));
}

// What the standard library says itself is for programmers.
std::string Explain(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr)
    return "there is not enough memory for this; try a smaller context, or a model in a smaller format";
  if (const auto* file = dynamic_cast<const std::filesystem::filesystem_error*>(&error))
    return file->path1().string() + ": " + file->code().message();
  return error.what();
}

// What was typed, last argument first as CLI11 takes them. A formula may begin with a minus ("-x^2"), which would be
// taken for a flag; a space before it says that it is none.
std::vector<std::string> Arguments(int argc, char** argv) {
  std::vector<std::string> arguments;
  for (int i = argc - 1; i > 0; --i) {
    const std::string text = argv[i];
    const bool formula =
        text.size() > 1 && text[0] == '-' && text[1] != '-' && text.find_first_of("^*/(+") != std::string::npos;
    arguments.push_back(formula && std::string(argv[1]) == "math" ? " " + text : text);
  }
  return arguments;
}

}  // namespace

void AddMeant(CLI::App& parent, std::span<const NamedCommand> commands, const Globals& globals, size_t place) {
  const std::string_view typed = place < globals.typed.size() ? globals.typed[place] : std::string_view();
  const auto meant = std::ranges::find(commands, typed, &NamedCommand::name);
  if (meant != commands.end() && meant->about == NamedCommand::About::kItself) return meant->add(parent, globals);
  for (const NamedCommand& command : commands) command.add(parent, globals);
}

void AddCommands(CLI::App& program, Globals& globals) {
  program.description("Tessera: one native engine for mixed-modal transformers");
  program.name("tessera");
  program.formatter(std::make_shared<HelpFormatter>());
  program.failure_message(UsageMessage);
  program.require_subcommand(1);
  program.fallthrough();
  program.add_option("-t,--threads", globals.threads, "Threads to use (default: the CPUs this process may run on)")
      ->check(CLI::Range(1, 1024));
  program.add_flag("-q,--quiet", globals.quiet, "No progress and no notes on standard error");
  program.add_flag("-v,--verbose", globals.verbose, "More notes on standard error");
  program.set_version_flag("--version", VersionLine, "Print the version and end");
  program.parse_complete_callback([&globals] {
    if (globals.threads > 0) SetThreadCount(globals.threads);
  });
  AddMeant(program, kCommands, globals, 0);
}

int RunProgram(int argc, char** argv) {
  InstallInterruptHandler();
  Globals globals{.typed = {argv + std::min(argc, 1), argv + argc}};
  CLI::App program;
  AddCommands(program, globals);
  try {
    program.parse(Arguments(argc, argv));
    RequireOutputWritten();
    return 0;
  } catch (const CLI::RuntimeError& error) {  // a command's own exit code
    return error.get_exit_code();
  } catch (const CLI::ParseError& error) {
    if (const std::string unknown = UnknownCommand(program, error); !unknown.empty()) {
      std::fputs(unknown.c_str(), stderr);
      return kExitUsage;
    }
    return program.exit(error) == 0 ? 0 : kExitUsage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tessera: %s\n", Printable(text::RepairUtf8(Explain(error))).c_str());
    return kExitFailed;
  }
}

}  // namespace tessera::cli
