#include "tessera/cli/version.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "tessera/cli/build_info.h"
#include "tessera/cli/commands.h"
#include "tessera/core/isa.h"
#include "tessera/core/json.h"
#include "tessera/core/json_text.h"
#include "tessera/core/thread_pool.h"

namespace tessera::cli {

std::string VersionLine() {
  return fmt::format("tessera {} (commit {}, {} {}, {}, {} threads)", kVersion, kCommit, kCompiler, kBuildType,
                     Name(LiveIsa()), ThreadCount());
}

void AddVersion(CLI::App& program, const Globals&) {
  CLI::App* command = program.add_subcommand("version", "Print the version, the compiler and the live instruction set");
  const auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "As one JSON object");
  command->callback([json] {
    if (!*json) return fmt::print("{}\n", VersionLine());
    Json supported = Json::array();
    for (const Isa isa : SupportedIsas()) supported.push_back(Name(isa));
    const Json object = {{"version", kVersion},     {"commit", kCommit},      {"compiler", kCompiler},
                         {"build", kBuildType},     {"isa", Name(LiveIsa())}, {"isas", supported},
                         {"threads", ThreadCount()}};
    fmt::print("{}\n", JsonText(object));
  });
}

}  // namespace tessera::cli
