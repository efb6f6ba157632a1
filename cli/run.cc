#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/command_list.h"

namespace penstock::cli {

namespace {

constexpr std::size_t kHelpColumn = 34;

std::string_view base_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string option_line(const OptionSpec& option) {
  std::string left = option.letter == 0 ? "      " : fmt::format("  -{}, ", option.letter);
  left += fmt::format("--{}", option.name);
  if (!option.value.empty()) {
    left +=
        option.value_if_bare.empty() ? fmt::format(" {}", option.value) : fmt::format("[={}]", option.value);
  }
  if (left.size() + 2 > kHelpColumn) return fmt::format("{}\n{:{}}{}\n", left, "", kHelpColumn, option.help);
  return fmt::format("{:<{}}{}\n", left, kHelpColumn, option.help);
}

int run_command(const Command& command, std::string_view called_as, std::span<const std::string> args) {
  if (std::ranges::any_of(args, [](const std::string& arg) { return arg == "--help" || arg == "-h"; })) {
    fmt::print("{}", help_of(command, called_as));
    return 0;
  }
  const auto options = Options::parse(command.options, args);
  const auto status = options ? command.run(*options) : base::Result<int>(std::unexpected(options.error()));
  if (status) return *status;
  std::fflush(stdout);
  fmt::print(stderr, "{}: {}\nusage: {} {}\nSee '{} --help'.\n", called_as, status.error().what(), called_as,
             command.synopsis, called_as);
  return 1;
}

}  // namespace

std::span<const Command* const> all_commands() { return kCommands; }

const Command* find_command(std::string_view name) {
  std::string_view tool = name;
  if (tool.ends_with(".sh")) tool.remove_suffix(3);
  for (const Command* command : kCommands) {
    if (command->name == name || (!command->tool_name.empty() && command->tool_name == tool)) return command;
  }
  return nullptr;
}

std::string help_of(const Command& command, std::string_view called_as) {
  std::string text =
      fmt::format("{}\n\nusage: {} {}\n\noptions:\n", command.summary, called_as, command.synopsis);
  for (const OptionSpec& option : command.options) {
    if (!option.help.empty()) text += option_line(option);
  }
  text += option_line({"help", "", "This text.", 'h'});
  if (!command.details.empty()) text += fmt::format("\n{}\n", command.details);
  return text;
}

std::string general_help() {
  std::string text =
      "Kafka for Kubernetes, and for a laptop without it.\n\nusage: penstock COMMAND [options]\n\n";
  for (const Command* command : kCommands) {
    text += fmt::format("  {:<14}{}\n", command->name, command->summary);
    if (!command->tool_name.empty())
      text += fmt::format("  {:<14}(also called {})\n", "", command->tool_name);
  }
  text += "\nSee 'penstock COMMAND --help'.\n";
  return text;
}

int run(std::span<const std::string> args) {
  const std::string_view program = args.empty() ? "penstock" : base_name(args[0]);
  if (!args.empty()) args = args.subspan(1);
  // Under the name of one of Kafka's tools it is that tool.
  if (const Command* tool = find_command(program); tool != nullptr && program != tool->name) {
    return run_command(*tool, program, args);
  }
  if (args.empty()) {
    fmt::print(stderr, "{}", general_help());
    return 1;
  }
  const std::string& name = args[0];
  if (name == "help" || name == "--help" || name == "-h") {
    const Command* about = args.size() > 1 ? find_command(args[1]) : nullptr;
    fmt::print("{}",
               about == nullptr ? general_help() : help_of(*about, fmt::format("penstock {}", args[1])));
    return 0;
  }
  const Command* command = find_command(name == "--version" ? "version" : name);
  if (command == nullptr) {
    fmt::print(stderr, "penstock: there is no command '{}'\n\n{}", name, general_help());
    return 1;
  }
  return run_command(*command, fmt::format("penstock {}", name), args.subspan(1));
}

}  // namespace penstock::cli
