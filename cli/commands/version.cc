#include <fmt/format.h>

#include "cli/command.h"

namespace penstock::cli {

namespace {

base::Result<int> run_version(const Options&) {
  fmt::print("penstock {}\n", PENSTOCK_VERSION);
  return 0;
}

}  // namespace

extern const Command version_command;
const Command version_command = {
    .name = "version",
    .tool_name = "",
    .summary = "Print the version of this program.",
    .synopsis = "",
    .details = "",
    .options = {},
    .run = run_version,
};

}  // namespace penstock::cli
