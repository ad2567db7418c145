#include "tessera/cli/help.h"

#include "tessera/cli/terminal.h"

namespace tessera::cli {
namespace {

std::vector<const CLI::Option*> Positionals(const CLI::App* app) {
  return app->get_options([](const CLI::Option* option) { return option->get_positional(); });
}

}  // namespace

std::string HelpFormatter::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const {
  std::string help = CLI::Formatter::make_help(app, std::move(name), mode);
  for (size_t gap; (gap = help.find("\n\n\n")) != std::string::npos;) help.erase(gap, 1);
  while (help.ends_with("\n\n")) help.pop_back();
  return help;
}

std::string HelpFormatter::make_usage(const CLI::App* app, std::string) const {
  const bool is_program = app->get_parent() == nullptr;
  std::string usage = "\nUsage: tessera" + (is_program ? " COMMAND" : " " + app->get_name());
  for (const CLI::Option* option : Positionals(app)) usage += " " + make_option_usage(option);
  // What must be given is shown as it is typed.
  for (const CLI::Option* option : app->get_options([](const CLI::Option* o) { return o->nonpositional(); })) {
    if (option->get_required()) usage += " --" + option->get_lnames().front() + make_option_opts(option);
  }
  return usage + " [options]\n";
}

std::string HelpFormatter::make_positionals(const CLI::App* app) const {
  const auto positionals = Positionals(app);
  return positionals.empty() ? "" : make_group("Arguments", true, positionals);
}

std::string HelpFormatter::make_subcommands(const CLI::App* app, CLI::AppFormatMode) const {
  if (const CLI::App* program = app->get_parent(); program != nullptr) {
    const auto global = program->get_options([&](const CLI::Option* option) {
      return option->nonpositional() && option != program->get_help_ptr() && option->get_lnames().front() != "version";
    });
    return make_group("Global options, before or after the command", false, global);
  }
  std::string text = "\nCommands:\n";
  for (const CLI::App* command : app->get_subcommands({})) text += make_subcommand(command);
  return text + "\n`tessera COMMAND --help` says all about a command.\n";
}

// "INT" of "INT:INT in [1 - 1024]": the description and the error for a wrong value say the rest.
std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  if (option->get_positional() || option->get_type_size() == 0) return "";
  const std::string type = option->get_type_name();
  return " " + type.substr(0, type.find(':'));
}

std::string HelpFormatter::make_option_desc(const CLI::Option* option) const {
  const std::string standard = option->get_default_str();
  return option->get_description() + (standard.empty() ? "" : " (default: " + standard + ")");
}

std::string UsageMessage(const CLI::App* program, const CLI::Error& error) {
  const auto commands = program->get_subcommands();
  std::string command = "tessera", what = error.what();
  if (!commands.empty()) {
    command += " " + commands.front()->get_name();
  } else if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    what = "name a command";
  }
  return Printable(command + ": " + what + "\n`" + command + " --help` says what there is.\n");
}

}  // namespace tessera::cli
