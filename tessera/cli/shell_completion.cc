#include "tessera/cli/shell_completion.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "tessera/core/error.h"

namespace tessera::cli {
namespace {

std::vector<const CLI::App*> Commands(const CLI::App& program) {
  return program.get_subcommands([](const CLI::App* command) { return !command->get_name().empty(); });
}

// "--top-p --temp -t": every flag of a command, those of the whole program included.
std::vector<std::string> Flags(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
    for (const std::string& name : option->get_snames()) flags.push_back("-" + name);
  }
  return flags;
}

std::string Joined(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, " ")); }

// "run|pull|list": a pattern that matches a command, and no value of a flag before it.
std::string CommandPattern(const CLI::App& program) {
  std::vector<std::string> names;
  for (const CLI::App* command : Commands(program)) names.push_back(command->get_name());
  return fmt::format("{}", fmt::join(names, "|"));
}

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

// 'text' for a shell: a quote closes, is escaped, and opens again.
std::string Quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string Bash(const CLI::App& program) {
  std::string names, cases;
  for (const CLI::App* command : Commands(program)) {
    names += command->get_name() + " ";
    cases += fmt::format("    {}) flags='{}' ;;\n", command->get_name(), Joined(Flags(*command)));
  }
  return fmt::format(R"(# bash completion for tessera
_tessera() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} verb='' flags='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${{COMP_WORDS[i]}} in {}) verb=${{COMP_WORDS[i]}}; break ;; esac
  done
  case $verb in
{}  esac
  flags="$flags {}"
  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$word"))
  elif [[ -z $verb ]]; then
    COMPREPLY=($(compgen -W "{}" -- "$word"))
  else
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}}
complete -o filenames -F _tessera tessera
)",
                     CommandPattern(program), cases, Joined(Flags(program)), names);
}

std::string Zsh(const CLI::App& program) {
  std::string commands, cases;
  for (const CLI::App* command : Commands(program)) {
    commands += fmt::format("    {}\n", Quoted(command->get_name() + ":" + FirstLine(command->get_description())));
    cases += fmt::format("    {}) flags=({}) ;;\n", command->get_name(), Joined(Flags(*command)));
  }
  return fmt::format(R"(#compdef tessera
_tessera() {{
  local -a commands flags
  commands=(
{}  )
  local verb i
  verb=''
  for ((i = 2; i < CURRENT; i++)); do
    case ${{words[i]}} in {}) verb=${{words[i]}}; break ;; esac
  done
  case $verb in
{}  esac
  flags+=({})
  if [[ ${{words[CURRENT]}} == -* ]]; then
    compadd -- $flags
  elif [[ -z $verb ]]; then
    _describe 'command' commands
  else
    _files
  fi
}}
if [[ $funcstack[1] == _tessera ]]; then _tessera "$@"; else compdef _tessera tessera; fi
)",
                     commands, CommandPattern(program), cases, Joined(Flags(program)));
}

void AddFishFlags(const CLI::App& app, const std::string& condition, std::string& script) {
  for (const CLI::Option* option : app.get_options()) {
    std::string names;
    for (const std::string& name : option->get_lnames()) names += " -l " + name;
    for (const std::string& name : option->get_snames()) names += " -s " + name;
    if (names.empty()) continue;
    const bool takes_value = option->get_type_size() != 0;
    script += fmt::format("complete -c tessera{}{}{} -d {}\n", condition, names, takes_value ? " -r" : "",
                          Quoted(FirstLine(option->get_description())));
  }
}

std::string Fish(const CLI::App& program) {
  std::string script = "# fish completion for tessera\n";
  for (const CLI::App* command : Commands(program)) {
    script += fmt::format("complete -c tessera -n __fish_use_subcommand -f -a {} -d {}\n", command->get_name(),
                          Quoted(FirstLine(command->get_description())));
  }
  AddFishFlags(program, "", script);
  for (const CLI::App* command : Commands(program)) {
    AddFishFlags(*command, fmt::format(" -n '__fish_seen_subcommand_from {}'", command->get_name()), script);
  }
  return script;
}

// Text for troff: a hyphen that is typed, no accidental request at the start of a line.
std::string Troff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n'))
      out += std::string("\\&") + c;
    else
      out += c;
  }
  return out;
}

void AddManualOptions(const CLI::App& app, std::string& page) {
  for (const CLI::Option* option : app.get_options()) {
    page += fmt::format(".TP\n.B {}\n{}\n", Troff(option->get_name(false, true)), Troff(option->get_description()));
  }
}

}  // namespace

std::string CompletionScript(const CLI::App& program, std::string_view shell) {
  if (shell == "bash") return Bash(program);
  if (shell == "zsh") return Zsh(program);
  if (shell == "fish") return Fish(program);
  Fail("completion: \"{}\" is not one of bash, zsh, fish", shell);
}

std::string ManualPage(const CLI::App& program) {
  std::string page = fmt::format(
      ".TH TESSERA 1\n.SH NAME\ntessera \\- one native engine for mixed\\-modal transformers\n"
      ".SH SYNOPSIS\n.B tessera\n.RI [ options ]\n.I command\n.RI [ arguments ]\n.SH DESCRIPTION\n{}\n"
      ".SH OPTIONS\nThese may stand before or after the command.\n",
      Troff(program.get_description()));
  AddManualOptions(program, page);
  page += ".SH COMMANDS\n";
  for (const CLI::App* command : Commands(program)) {
    page += fmt::format(".SS tessera {}\n{}\n", command->get_name(), Troff(command->get_description()));
    AddManualOptions(*command, page);
    if (!command->get_footer().empty()) page += fmt::format(".PP\n.nf\n{}\n.fi\n", Troff(command->get_footer()));
  }
  return page +
         ".SH EXIT STATUS\n0 done, 1 failed, 2 wrong usage, 130 interrupted.\n"
         ".SH ENVIRONMENT\n.TP\n.B TESSERA_ISA\nForces an instruction set: portable, avx2, avx512, avx512_vnni, "
         "avx512_bf16 or neon.\n.TP\n.B TESSERA_THREADS\nHow many threads to use when \\-\\-threads is not given.\n"
         ".TP\n.B TESSERA_CACHE\nWhere pulled models are kept.\n.TP\n.B NO_COLOR\nNo colours and no progress bars.\n";
}

}  // namespace tessera::cli
