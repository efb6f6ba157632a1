#include <string>
#include <vector>

#include "base/log.h"
#include "cli/command.h"

int main(int argc, char** argv) {
  penstock::base::set_log_level(penstock::base::LogLevel::kWarn);
  const std::vector<std::string> args(argv, argv + argc);
  return penstock::cli::run(args);
}
