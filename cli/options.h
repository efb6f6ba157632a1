// Command-line options: --name value, --name=value, -n value, flags, and what is left over.
//
// Threads: values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace penstock::cli {

struct OptionSpec {
  std::string_view name;   // Without dashes.
  std::string_view value;  // What help calls the value; empty for a flag.
  std::string_view help;   // Empty: accepted, but not shown.
  char letter = 0;         // A short form, "-f".
  bool is_repeatable = false;
  std::string_view value_if_bare{};  // The value may be left out and then is this one.
};

class Options {
 public:
  // `args` are those behind the command's name. Every value is checked to belong to a known option.
  // ERRORS: kInvalidArgument: an unknown option, a missing value, an option given twice.
  static base::Result<Options> parse(std::span<const OptionSpec> specs, std::span<const std::string> args);

  bool has(std::string_view name) const { return values_.contains(name); }
  std::optional<std::string> value(std::string_view name) const;
  std::string value_or(std::string_view name, std::string_view fallback) const;
  const std::vector<std::string>& values(std::string_view name) const;
  // ERRORS: kInvalidArgument naming the option, when it is there and not a number within the range.
  base::Result<std::optional<std::int64_t>> number(std::string_view name, std::int64_t low,
                                                   std::int64_t high) const;
  const std::vector<std::string>& positional() const { return positional_; }

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  std::vector<std::string> positional_;
};

}  // namespace penstock::cli
