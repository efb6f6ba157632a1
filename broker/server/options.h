// The command line of penstock-broker.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/error.h"

namespace penstock::server {

struct Options {
  std::string config_path;
  base::Properties overrides;
  // The node id is `node_id_base` plus the ordinal behind the last '-' of the pod's name.
  std::optional<std::string> pod_name;
  std::int32_t node_id_base = 0;
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

// The file's properties with the overrides over them, and node.id from the pod's name.
// ERRORS: kNotFound, kInvalidArgument naming file and line, or the option.
base::Result<base::Properties> load_properties(const Options& options);

}  // namespace penstock::server
