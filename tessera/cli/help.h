#pragma once
// How --help looks: for the program and, with the global flags repeated, for each command.

#include <CLI/CLI.hpp>
#include <string>

namespace tessera::cli {

class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
  std::string make_usage(const CLI::App* app, std::string name) const override;
  std::string make_positionals(const CLI::App* app) const override;
  // The commands of the program; for a command, the global options.
  std::string make_subcommands(const CLI::App* app, CLI::AppFormatMode mode) const override;
  std::string make_option_opts(const CLI::Option* option) const override;
  std::string make_option_desc(const CLI::Option* option) const override;
};

// What a person is told who typed something that cannot be meant.
std::string UsageMessage(const CLI::App* program, const CLI::Error& error);

}  // namespace tessera::cli
