#include "broker/server/format.h"

#include <algorithm>
#include <cstdio>
#include <optional>

#include <fmt/core.h>

#include "base/clock.h"
#include "broker/metadata/config.h"
#include "broker/metadata/features.h"
#include "broker/raft/voters.h"
#include "broker/server/config.h"
#include "broker/server/storage_format.h"

namespace penstock::server {

std::string host_name();  // broker_start.cc

using base::Errc;
using base::fail;

namespace {

constexpr const char* kUsage =
    "penstock-broker format --config FILE --cluster-id ID\n"
    "    [--standalone | --initial-controllers ID@HOST:PORT:DIRECTORY,... | --no-initial-controllers]\n"
    "    [--directory-id ID] [--feature NAME=LEVEL]... [--release-version VERSION] [--ignore-formatted]\n"
    "    [--override KEY=VALUE]...\n"
    "penstock-broker format --random-uuid\n";

struct Arguments {
  std::string config;
  std::string cluster_id;
  std::string initial_controllers;
  std::string directory_id;
  std::string first_start;  // Only for format_if_empty.
  std::string release_version;
  std::vector<std::string> features{};
  std::vector<std::string> overrides{};
  bool is_standalone = false;
  bool is_without_controllers = false;
  bool is_ignoring_formatted = false;
  bool is_random_uuid = false;
  bool is_help = false;
};

base::Result<Arguments> parse_arguments(const std::vector<std::string>& texts) {
  Arguments arguments;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::string name = texts[i];
    std::optional<std::string> value;
    if (const auto equals = name.find('='); name.starts_with("--") && equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    const auto flag = [&](std::string_view long_name, std::string_view short_name, bool& into) {
      if (name != long_name && name != short_name) return false;
      return into = true;
    };
    if (flag("--standalone", "-s", arguments.is_standalone) ||
        flag("--no-initial-controllers", "-N", arguments.is_without_controllers) ||
        flag("--ignore-formatted", "-g", arguments.is_ignoring_formatted) ||
        flag("--random-uuid", "random-uuid", arguments.is_random_uuid) ||
        flag("--help", "-h", arguments.is_help)) {
      continue;
    }
    std::string* into = nullptr;
    if (name == "--config" || name == "-c") into = &arguments.config;
    if (name == "--cluster-id" || name == "-t") into = &arguments.cluster_id;
    if (name == "--initial-controllers" || name == "-I") into = &arguments.initial_controllers;
    if (name == "--directory-id") into = &arguments.directory_id;
    if (name == "--first-start") into = &arguments.first_start;
    if (name == "--release-version" || name == "-r") into = &arguments.release_version;
    if (name == "--feature" || name == "-f") into = &arguments.features.emplace_back();
    if (name == "--override") into = &arguments.overrides.emplace_back();
    if (into == nullptr) return fail(Errc::kInvalidArgument, fmt::format("unknown argument {}", texts[i]));
    if (!value && i + 1 == texts.size())
      return fail(Errc::kInvalidArgument, fmt::format("{} needs a value", name));
    *into = value ? *value : texts[++i];
  }
  return arguments;
}

base::Result<std::map<std::string, std::int16_t>> parse_features(const Arguments& arguments) {
  std::map<std::string, std::int16_t> features;
  if (!arguments.release_version.empty()) {
    TRY_ASSIGN(features[std::string(metadata::kMetadataVersion)],
               metadata::parse_release_version(arguments.release_version));
  }
  for (const auto& text : arguments.features) {
    const auto equals = text.find('=');
    if (equals == std::string::npos) {
      return fail(Errc::kInvalidArgument, fmt::format("--feature {}: expected NAME=LEVEL", text));
    }
    const std::string name = text.substr(0, equals);
    if (!metadata::is_known_feature(name)) {
      return fail(Errc::kInvalidArgument, fmt::format("--feature {}: Kafka has no feature {}", text, name));
    }
    TRY_ASSIGN(const auto level, base::ConfigValue<std::int16_t>::parse("--feature " + name,
                                                                        text.substr(equals + 1), {.min = 0}));
    TRY(metadata::check_feature(name, level));
    features[name] = level;
  }
  features.insert(metadata::default_levels().begin(), metadata::default_levels().end());
  return features;
}

base::Result<> plan_quorum(const Arguments& arguments, const ServerConfig& server,
                           const metadata::MetadataConfig& config, FormatPlan& plan) {
  const auto roles = config.process_roles();
  const bool is_controller = std::ranges::find(roles, "controller") != roles.end();
  const int ways = (arguments.is_standalone ? 1 : 0) + (arguments.is_without_controllers ? 1 : 0) +
                   (arguments.initial_controllers.empty() ? 0 : 1);
  if (ways > 1) {
    return fail(Errc::kInvalidArgument,
                "give one of --standalone, --initial-controllers and --no-initial-controllers");
  }
  if (!config.quorum_voters().empty()) {
    return fail(Errc::kUnsupported,
                "config controller.quorum.voters: a static quorum (kraft.version=0) is not supported; use "
                "controller.quorum.bootstrap.servers");
  }
  if (!is_controller) {
    if (ways == 1 && !arguments.is_without_controllers) {
      return fail(Errc::kInvalidArgument, "this node has no controller role: it cannot begin a quorum");
    }
    return {};
  }
  if (ways == 0) {
    return fail(Errc::kInvalidArgument,
                "a controller needs one of --standalone, --initial-controllers and --no-initial-controllers");
  }
  if (config.controller_listener_names().empty()) {
    return fail(Errc::kInvalidArgument, "config controller.listener.names: must name a listener");
  }
  const std::string listener = config.controller_listener_names().front();
  if (!arguments.initial_controllers.empty()) {
    TRY_ASSIGN(plan.voters, raft::parse_voters(arguments.initial_controllers, listener));
  }
  plan.is_standalone = arguments.is_standalone;
  TRY_ASSIGN(const auto listeners,
             resolve_listeners(server, config.controller_listener_names(), host_name()));
  for (const auto& address : listeners.advertised) {
    if (address.name == listener) plan.controller_endpoints = {{address.name, address.host, address.port}};
  }
  return {};
}

base::Result<FormatPlan> make_plan(const Arguments& arguments, const base::Properties& properties) {
  FormatPlan plan;
  ServerConfig server;
  metadata::MetadataConfig config;
  TRY(server.load(properties));
  TRY(config.load(properties));
  if (config.node_id() < 0) return fail(Errc::kInvalidArgument, "config node.id: must be set");
  if (arguments.cluster_id.empty()) return fail(Errc::kInvalidArgument, "--cluster-id must be given");
  if (arguments.cluster_id.size() > 250) return fail(Errc::kInvalidArgument, "--cluster-id is too long");
  plan.cluster_id = arguments.cluster_id;
  plan.node = kafka::NodeId(config.node_id());
  plan.is_ignoring_formatted = arguments.is_ignoring_formatted;
  TRY_ASSIGN(const auto directory, data_directory(server));
  plan.directories = {directory};
  if (!config.log_dir().empty() && config.log_dir() != directory)
    plan.directories.push_back(config.log_dir());
  plan.metadata_directory = plan.directories.back();
  if (!arguments.directory_id.empty()) {
    TRY_ASSIGN(plan.directory_id, base::Uuid::parse(arguments.directory_id));
  }
  TRY_ASSIGN(plan.features, parse_features(arguments));
  TRY(plan_quorum(arguments, server, config, plan));
  return plan;
}

base::Result<base::Properties> load_properties(const Arguments& arguments) {
  if (arguments.config.empty()) return fail(Errc::kInvalidArgument, "--config must be given");
  base::PosixDisk disk;
  TRY_ASSIGN(const auto bytes, base::read_file(disk, arguments.config, 16 << 20));
  auto properties = base::parse_properties(base::as_text(bytes));
  if (!properties) return fail(properties.error().context(arguments.config));
  for (const auto& text : arguments.overrides) {
    const auto equals = text.find('=');
    if (equals == std::string::npos) {
      return fail(Errc::kInvalidArgument, fmt::format("--override {}: expected KEY=VALUE", text));
    }
    (*properties)[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return properties;
}

base::Result<> format(const Arguments& arguments, const base::Properties& properties) {
  TRY_ASSIGN(const auto plan, make_plan(arguments, properties));
  base::PosixDisk disk;
  base::SystemRandom random;
  TRY_ASSIGN(const auto formatted, format_directories(disk, random, base::SystemClock().wall_ms(), plan));
  for (const auto& directory : formatted) {
    fmt::print("Formatted {} for node {} of cluster {}.\n", directory, plan.node.value(), plan.cluster_id);
  }
  if (formatted.empty()) fmt::print("All of the log directories are already formatted.\n");
  return {};
}

bool is_listed(std::string_view list, std::string_view wanted) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (list.substr(0, comma) == wanted) return true;
    list = comma == std::string_view::npos ? "" : list.substr(comma + 1);
  }
  return false;
}

// Whether this node begins the quorum or joins it. What was formatted once is never given the same directory
// id again: a volume that was lost must not vote a second time.
base::Result<> decide_first_start(const base::Properties& properties, Arguments& arguments) {
  base::PosixDisk disk;
  auto content = base::read_file(disk, arguments.first_start, 1 << 20);
  if (!content) return fail(content.error().context("option --first-start"));
  auto parsed = base::parse_properties(base::as_text(*content));
  if (!parsed) return fail(parsed.error().context(arguments.first_start));
  metadata::MetadataConfig config;
  TRY(config.load(properties));
  const std::string node = std::to_string(config.node_id());
  const std::string& voters = (*parsed)["initial.controllers"];
  TRY_ASSIGN(const raft::VoterSet initial, raft::parse_voters(voters, "CONTROLLER"));
  const auto self = std::ranges::find(initial, kafka::NodeId(config.node_id()),
                                      [](const raft::Voter& voter) { return voter.key.id; });
  if (self == initial.end() || is_listed((*parsed)["formatted"], node)) {
    arguments.is_without_controllers = true;
    return {};
  }
  arguments.initial_controllers = voters;
  arguments.directory_id = self->key.directory.to_string();
  return {};
}

}  // namespace

int run_format(const std::vector<std::string>& texts) {
  const auto arguments = parse_arguments(texts);
  if (arguments && arguments->is_help) {
    fmt::print("{}", kUsage);
    return 0;
  }
  if (arguments && arguments->is_random_uuid) {
    base::SystemRandom random;
    fmt::print("{}\n", base::Uuid::random(random).to_string());
    return 0;
  }
  auto done = arguments ? base::Result<>() : base::Result<>(fail(arguments.error()));
  if (done) {
    const auto properties = load_properties(*arguments);
    done = properties ? format(*arguments, *properties) : base::Result<>(fail(properties.error()));
  }
  if (done) return 0;
  fmt::print(stderr, "penstock-broker format: {}\n", done.error().what());
  if (!arguments) fmt::print(stderr, "{}", kUsage);
  return 1;
}

base::Result<> format_if_empty(const base::Properties& properties, const std::vector<std::string>& texts) {
  TRY_ASSIGN(auto arguments, parse_arguments(texts));
  arguments.is_ignoring_formatted = true;
  ServerConfig server;
  TRY(server.load(properties));
  TRY_ASSIGN(const auto directory, data_directory(server));
  base::PosixDisk disk;
  // A formatted directory has its identity: the arguments of its first start do not matter any more.
  if (disk.exists(directory + "/meta.properties")) return {};
  if (!arguments.first_start.empty()) TRY(decide_first_start(properties, arguments));
  return format(arguments, properties);
}

}  // namespace penstock::server
