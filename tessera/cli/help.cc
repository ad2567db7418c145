#include "tessera/cli/help.h"

#include "tessera/cli/terminal.h"

namespace tessera::cli {
namespace {

std::vector<const CLI::Option*> Positionals(const CLI::App* app) {
  return app->get_options([](const CLI::Option* option) { return option->get_positional(); });
}

const CLI::App* Root(const CLI::App* app) {
  while (app->get_parent() != nullptr) app = app->get_parent();
  return app;
}

// "tessera math walk"
std::string Path(const CLI::App* app) {
  return app->get_parent() == nullptr ? "tessera" : Path(app->get_parent()) + " " + app->get_name();
}

// The command that was typed, the innermost of nested ones.
const CLI::App* Innermost(const CLI::App* app) {
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return app;
}

}  // namespace

std::string HelpFormatter::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const {
  std::string help = CLI::Formatter::make_help(app, std::move(name), mode);
  for (size_t gap; (gap = help.find("\n\n\n")) != std::string::npos;) help.erase(gap, 1);
  while (help.ends_with("\n\n")) help.pop_back();
  return help;
}

std::string HelpFormatter::make_usage(const CLI::App* app, std::string) const {
  std::string usage = "\nUsage: " + Path(app) + (app->get_subcommands({}).empty() ? "" : " COMMAND");
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
  std::string text;
  if (const auto commands = app->get_subcommands({}); !commands.empty()) {
    text += "\nCommands:\n";
    for (const CLI::App* command : commands) text += make_subcommand(command);
    text += "\n`" + Path(app) + " COMMAND --help` says all about a command.\n";
  }
  const CLI::App* program = Root(app);
  if (program == app) return text;
  const auto global = program->get_options([&](const CLI::Option* option) {
    return option->nonpositional() && option != program->get_help_ptr() && option->get_lnames().front() != "version";
  });
  return text + make_group("Global options, before or after the command", false, global);
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
  const CLI::App* innermost = Innermost(program);
  const std::string command = Path(innermost);
  std::string what = error.what();
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr && !innermost->get_subcommands({}).empty())
    what = "name a command";
  return Printable(command + ": " + what + "\n`" + command + " --help` says what there is.\n");
}

}  // namespace tessera::cli
