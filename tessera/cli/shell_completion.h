#pragma once
// Shell completions and the manual page, both made from the program's own commands, so that they are never behind.

#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace tessera::cli {

// A completion script for "bash", "zsh" or "fish"; throws Error for another shell.
std::string CompletionScript(const CLI::App& program, std::string_view shell);

// The manual page tessera(1) in the man macros of troff.
std::string ManualPage(const CLI::App& program);

}  // namespace tessera::cli
