#include "tessera/cli/program.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "tessera/cli/commands.h"
#include "tessera/cli/interrupt.h"
#include "tessera/cli/version.h"
#include "tessera/core/error.h"
#include "tessera/core/thread_pool.h"

namespace tessera::cli {
namespace {

using AddCommand = void (*)(CLI::App&, const Globals&);

constexpr AddCommand kCommands[] = {
    AddCompletion,
    AddDetokenize,
    AddForward,
    AddGrad,
    AddManual,
    AddQuantize,
    AddTemplate,
    AddTokenize,
    AddPerplexity,
    AddPull,
    AddList,
    AddInspect,
    AddVersion,
};

}  // namespace

int RunProgram(int argc, char** argv) {
  InstallInterruptHandler();
  Globals globals;
  CLI::App program{"Tessera: one native engine for mixed-modal transformers", "tessera"};
  program.require_subcommand(1);
  program.fallthrough();
  program.add_option("-t,--threads", globals.threads, "Threads to use (default: the CPUs this process may run on)")
      ->check(CLI::Range(1, 1024));
  program.add_flag("-q,--quiet", globals.quiet, "No progress and no notes on standard error");
  program.set_version_flag("--version", VersionLine, "Print the version and end");
  program.add_flag("-v,--verbose", globals.verbose, "More notes on standard error");
  program.parse_complete_callback([&] {
    if (globals.threads > 0) SetThreadCount(globals.threads);
  });
  for (const AddCommand add : kCommands) add(program, globals);
  try {
    program.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? 0 : kExitUsage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tessera: %s\n", error.what());
    return kExitFailed;
  }
}

}  // namespace tessera::cli
