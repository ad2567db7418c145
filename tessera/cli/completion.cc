#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "tessera/cli/commands.h"
#include "tessera/cli/shell_completion.h"

namespace tessera::cli {

void AddCompletion(CLI::App& program, const Globals&) {
  CLI::App* command = program.add_subcommand("completion", "Print the completion script of a shell");
  command->footer(
      "source <(tessera completion bash)\n"
      "tessera completion zsh > \"${fpath[1]}/_tessera\"\n"
      "tessera completion fish > ~/.config/fish/completions/tessera.fish");
  const auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([&program, shell] { std::fputs(CompletionScript(program, *shell).c_str(), stdout); });
}

void AddManual(CLI::App& program, const Globals&) {
  CLI::App* command = program.add_subcommand("man", "Print the manual page (tessera man | man -l -)");
  command->callback([&program] { std::fputs(ManualPage(program).c_str(), stdout); });
}

}  // namespace tessera::cli
