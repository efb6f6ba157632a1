// The operator's command line.
//
// Threads: values.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "operator/server/operator.h"

namespace penstock::server {

struct Arguments {
  std::string kubeconfig;
  std::string health = "127.0.0.1:8081";
  std::string log_level = "info";
  bool leader_elect = false;
  std::string lease_name = "penstock-operator";
  std::string lease_namespace;  // Empty: the namespace of the credentials.
  OperatorOptions options;
  bool wants_help = false;
  bool wants_version = false;
};

// Reads a variable of the environment; empty when it is not set.
using Environment = std::function<std::string(const char* name)>;

// `words`: without the program's name.
// ERRORS: kInvalidArgument naming the option.
base::Result<Arguments> parse_arguments(const std::vector<std::string>& words,
                                        const Environment& environment);

extern const char* const kUsage;

}  // namespace penstock::server
