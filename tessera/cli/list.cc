#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "tessera/cli/commands.h"
#include "tessera/cli/progress.h"
#include "tessera/core/json.h"
#include "tessera/core/json_text.h"
#include "tessera/weights/catalogue.h"
#include "tessera/weights/locate.h"

namespace tessera::cli {
namespace {

Json Describe() {
  Json rows = Json::array();
  for (const weights::LocalModel& model : weights::LocalModels()) {
    rows.push_back({{"name", model.name},
                    {"bytes", model.bytes},
                    {"here", true},
                    {"from", model.from},
                    {"path", model.path.string()}});
  }
  for (const weights::CatalogueEntry& entry : weights::Catalogue()) {
    if (weights::IsPulled(entry)) continue;
    rows.push_back({{"name", entry.name},
                    {"bytes", entry.bytes},
                    {"here", false},
                    {"from", "catalogue"},
                    {"description", entry.description}});
  }
  return rows;
}

void Print(const Json& rows) {
  size_t width = 4;
  for (const Json& row : rows) width = std::max(width, row["name"].get<std::string>().size());
  fmt::print("{:<{}}  {:>9}  {}\n", "NAME", width, "SIZE", "WHERE");
  for (const Json& row : rows) {
    const std::string name = row["name"];
    const std::string where =
        row["here"].get<bool>() ? row["path"].get<std::string>() : fmt::format("not here yet: tessera pull {}", name);
    fmt::print("{:<{}}  {:>9}  {}\n", name, width, HumanBytes(row["bytes"]), where);
  }
}

}  // namespace

void AddList(CLI::App& program, const Globals&) {
  CLI::App* command = program.add_subcommand("list", "List the models on this machine and those of the catalogue");
  command->footer("Looks into Tessera's cache and into the one that Hugging Face's tools use (HF_HUB_CACHE, HF_HOME).");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "Print a JSON array");
  command->callback([json] {
    const Json rows = Describe();
    if (*json)
      fmt::print("{}\n", JsonText(rows, 2));
    else
      Print(rows);
  });
}

}  // namespace tessera::cli
