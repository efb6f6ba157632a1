#include "broker/server/options.h"

#include <algorithm>
#include <charconv>

#include <fmt/core.h>

#include "base/disk.h"

namespace penstock::server {

using base::Errc;
using base::fail;

namespace {

// Options that are handed on to the formatter as they are.
bool is_format_option(std::string_view name) {
  return name == "--cluster-id" || name == "--directory-id" || name == "--initial-controllers" ||
         name == "--feature" || name == "--release-version" || name == "--first-start";
}
bool is_format_switch(std::string_view name) {
  return name == "--standalone" || name == "--no-initial-controllers";
}

base::Result<std::int32_t> parse_int(std::string_view option, std::string_view text) {
  std::int32_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || end != text.data() + text.size()) {
    return fail(Errc::kInvalidArgument, fmt::format("option {}: '{}' is not a number", option, text));
  }
  return value;
}

base::Result<> take_override(const std::string& text, Options& options) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return fail(Errc::kInvalidArgument, fmt::format("option --override: '{}': expected key=value", text));
  }
  options.overrides[text.substr(0, equals)] = text.substr(equals + 1);
  return {};
}

}  // namespace

base::Result<Options> parse_options(const std::vector<std::string>& arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string name = arguments[i];
    std::optional<std::string> inline_value;
    if (const std::size_t equals = name.find('='); name.starts_with("--") && equals != std::string::npos) {
      inline_value = name.substr(equals + 1);
      name.resize(equals);
    }
    const auto value = [&]() -> base::Result<std::string> {
      if (inline_value) return *inline_value;
      if (i + 1 == arguments.size())
        return fail(Errc::kInvalidArgument, fmt::format("option {}: a value is missing", name));
      return arguments[++i];
    };
    if (name == "--help" || name == "-h") {
      options.wants_help = true;
    } else if (name == "--version") {
      options.wants_version = true;
    } else if (name == "--format-if-empty") {
      options.format_if_empty = true;
    } else if (is_format_switch(name)) {
      options.format_arguments.push_back(name);
    } else if (is_format_option(name)) {
      TRY_ASSIGN(std::string text, value());
      options.format_arguments.push_back(name);
      options.format_arguments.push_back(std::move(text));
    } else if (name == "--config") {
      TRY_ASSIGN(options.config_path, value());
    } else if (name == "--override") {
      TRY_ASSIGN(const std::string text, value());
      TRY(take_override(text, options));
    } else if (name == "--node-id-from-pod-name") {
      TRY_ASSIGN(options.pod.pod_name, value());
    } else if (name == "--node-id-base" || name == "--controllers") {
      TRY_ASSIGN(const std::string text, value());
      TRY_ASSIGN(const std::int32_t number, parse_int(name, text));
      if (name == "--controllers") options.pod.controllers = number;
      if (name == "--node-id-base") options.pod.node_id_base = number;
    } else if (name == "--port-by-ordinal") {
      TRY_ASSIGN(options.pod.ports_by_ordinal.emplace_back(), value());
    } else if (!name.starts_with("-") && options.config_path.empty()) {
      options.config_path = name;  // As kafka-server-start.sh takes it.
    } else {
      return fail(Errc::kInvalidArgument, fmt::format("unknown option {}", name));
    }
  }
  if (options.config_path.empty() && !options.wants_help && !options.wants_version) {
    return fail(Errc::kInvalidArgument, "option --config is missing");
  }
  if (!options.format_arguments.empty() && !options.format_if_empty) {
    return fail(Errc::kInvalidArgument,
                fmt::format("option {} goes with --format-if-empty", options.format_arguments.front()));
  }
  return options;
}

std::string usage() {
  return R"(penstock-broker: a Kafka broker

Usage:
  penstock-broker --config server.properties [--override key=value]...
  penstock-broker format --config server.properties --cluster-id ID --standalone

Options:
  --config FILE                  Kafka's server.properties
  --override KEY=VALUE           goes over what the file says; may be repeated
  --node-id-from-pod-name NAME   node.id is the ordinal at the end of NAME plus --node-id-base
  --node-id-base N               default 0
  --controllers N                pods with an ordinal below N are controllers too, the others brokers only
  --port-by-ordinal LISTENER     its advertised port is raised by the ordinal; may be repeated
  --format-if-empty              format an empty data directory first; takes the options of `format`
  --first-start FILE             with it: initial.controllers, a list as for `format`, and `formatted`, the ids of
                                 those that have begun. Others in the list begin the quorum; all else joins it.
  --version, --help

Before the first start, a data directory is formatted: `penstock-broker format --help`.
)";
}

base::Result<base::Properties> load_properties(const Options& options) {
  base::PosixDisk disk;
  auto content = base::read_file(disk, options.config_path);
  if (!content) return fail(content.error().context("--config"));
  auto properties = base::parse_properties(base::as_text(*content));
  if (!properties) return fail(properties.error().context(options.config_path));
  for (const auto& [key, text] : options.overrides) (*properties)[key] = text;
  TRY(apply_ordinal(options.pod, *properties));
  return properties;
}

}  // namespace penstock::server
