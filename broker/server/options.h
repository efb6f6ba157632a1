// The command line of penstock-broker.
#pragma once

#include <string>
#include <vector>

#include "base/config.h"
#include "base/error.h"
#include "broker/server/pod_options.h"

namespace penstock::server {

struct Options {
  std::string config_path;
  base::Properties overrides;
  PodOptions pod;
  // Format an empty data directory before the start; the arguments are those of the format command.
  bool format_if_empty = false;
  std::vector<std::string> format_arguments;
  bool wants_help = false;
  bool wants_version = false;
};

// `arguments` without the program's name. ERRORS: kInvalidArgument naming the option.
base::Result<Options> parse_options(const std::vector<std::string>& arguments);

// What --help prints.
std::string usage();

// The file's properties with the overrides over them, and what the pod's ordinal makes of them.
// ERRORS: kNotFound, kInvalidArgument naming file and line, or the option.
base::Result<base::Properties> load_properties(const Options& options);

}  // namespace penstock::server
