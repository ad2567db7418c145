#include "tessera/cli/program.h"

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>

#include "tessera/cli/commands.h"
#include "tessera/cli/interrupt.h"
#include "tessera/cli/version.h"
#include "tessera/core/error.h"
#include "tessera/core/thread_pool.h"

namespace tessera::cli {
namespace {

using AddCommand = void (*)(CLI::App&, const Globals&);

// In the order that --help lists them; one line a subcommand.
constexpr AddCommand kCommands[] = {
    AddRun,         //
    AddPull,        //
    AddList,        //
    AddInspect,     //
    AddTokenize,    //
    AddDetokenize,  //
    AddTemplate,    //
    AddPerplexity,  //
    AddForward,     //
    AddGrad,        //
    AddBench,       //
    AddQuantize,    //
    AddCompletion,  //
    AddManual,      //
    AddVersion,     //
};

// Results that could not be written are a failure, for example on a full disk.
void RequireOutputWritten() {
  errno = 0;
  const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  Require(written, "standard output: {}", errno != 0 ? std::strerror(errno) : "not everything could be written");
}

}  // namespace

void AddCommands(CLI::App& program, Globals& globals) {
  program.description("Tessera: one native engine for mixed-modal transformers");
  program.name("tessera");
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
  for (const AddCommand add : kCommands) add(program, globals);
}

int RunProgram(int argc, char** argv) {
  InstallInterruptHandler();
  Globals globals;
  CLI::App program;
  AddCommands(program, globals);
  try {
    program.parse(argc, argv);
    RequireOutputWritten();
    return 0;
  } catch (const CLI::RuntimeError& error) {  // a command's own exit code
    return error.get_exit_code();
  } catch (const CLI::ParseError& error) {
    return program.exit(error) == 0 ? 0 : kExitUsage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tessera: %s\n", error.what());
    return kExitFailed;
  }
}

}  // namespace tessera::cli
