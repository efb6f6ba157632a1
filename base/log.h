// Logging: one line per event, to stderr, as "2026-01-02T03:04:05.678Z INFO  storage: rolled orders-3 at 42".
//
// A module makes one Logger at namespace scope: `constexpr base::Logger log("storage");`
// Threads: any.
#pragma once

#include <string_view>
#include <utility>

#include <fmt/core.h>

#include "base/error.h"

namespace penstock::base {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

void set_log_level(LogLevel level);
// ERRORS: kInvalidArgument when it is none of debug, info, warn, error.
Result<LogLevel> parse_log_level(std::string_view text);
bool is_logged(LogLevel level);
void write_log(LogLevel level, std::string_view module, std::string_view text);

class Logger {
 public:
  explicit constexpr Logger(std::string_view module) : module_(module) {}

  template <typename... Args>
  void debug(fmt::format_string<Args...> format, Args&&... args) const {
    write(LogLevel::kDebug, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) const {
    write(LogLevel::kInfo, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) const {
    write(LogLevel::kWarn, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void error(fmt::format_string<Args...> format, Args&&... args) const {
    write(LogLevel::kError, format, std::forward<Args>(args)...);
  }

 private:
  template <typename... Args>
  void write(LogLevel level, fmt::format_string<Args...> format, Args&&... args) const {
    if (is_logged(level)) write_log(level, module_, fmt::format(format, std::forward<Args>(args)...));
  }
  std::string_view module_;
};

}  // namespace penstock::base
