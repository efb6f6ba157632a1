// A command of the penstock program: its names, its help and what it does.
//
// Threads: constants.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "cli/options.h"

namespace penstock::cli {

struct Command {
  std::string_view name;  // "topics", as in `penstock topics`.
  std::string_view
      tool_name;  // "kafka-topics": the program's name under which it is this command; may be empty.
  std::string_view summary;   // One line.
  std::string_view synopsis;  // Behind the name: "--list [options]".
  std::string_view details;   // Paragraphs behind the options; may be empty.
  std::span<const OptionSpec> options;
  // The exit status. Errors are written to stderr by the command itself.
  // A usage error is returned instead: it is shown together with the synopsis.
  base::Result<int> (*run)(const Options& options);
};

std::span<const Command* const> all_commands();
// By name or tool name, the latter with or without ".sh"; null when there is none.
const Command* find_command(std::string_view name);

// The whole help of a command, as `penstock topics --help` prints it.
std::string help_of(const Command& command, std::string_view called_as);
// The list of commands.
std::string general_help();

// args[0] is the program's path. Returns the exit status.
int run(std::span<const std::string> args);

}  // namespace penstock::cli
