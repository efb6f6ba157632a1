#include "cli/topic_request.h"

#include <algorithm>
#include <charconv>
#include <set>

#include <fmt/format.h>

namespace penstock::cli {

using base::Errc;
using base::fail;
using base::Result;

namespace {

constexpr OptionSpec kOptions[] = {
    {"create", "", "Create a topic."},
    {"list", "", "List topics."},
    {"describe", "", "Show topics, their configuration and partitions."},
    {"alter", "", "Give a topic more partitions."},
    {"delete", "", "Delete topics."},
    {"topic", "TOPIC", "The topic; a regular expression, except with --create."},
    {"topic-id", "ID", "Describe the topic with this id."},
    {"partitions", "N", "Partitions to create, or to grow to."},
    {"replication-factor", "N", "Replicas of each partition; the cluster's default if left out."},
    {"replica-assignment", "B:B,B:B", "Brokers of each partition: replicas by ':', partitions by ','."},
    {"config", "NAME=VALUE", "A topic configuration for --create; may be given again.", 0, true},
    {"if-not-exists", "", "With --create: no error when the topic is there."},
    {"if-exists", "", "With --alter, --delete, --describe: no error when the topic is missing."},
    {"exclude-internal", "", "Leave internal topics out."},
    {"topics-with-overrides", "", "Describe only topics with configuration of their own."},
    {"under-replicated-partitions", "", "Describe only partitions with replicas out of sync."},
    {"unavailable-partitions", "", "Describe only partitions without a live leader."},
    {"under-min-isr-partitions", "", "Describe only partitions below min.insync.replicas."},
    {"at-min-isr-partitions", "", "Describe only partitions at min.insync.replicas."},
    {"bootstrap-server", "HOST:PORT", "Brokers to ask first, comma separated [localhost:9092]."},
    {"broker-list", "HOST:PORT", "The same."},
    {"command-config", "FILE", "Properties of the client."},
    {"partition-size-limit-per-response", "N", ""},
    {"delete-config", "NAME", "", 0, true},
};

struct ActionName {
  TopicAction action;
  std::string_view option;
};
constexpr ActionName kActions[] = {{TopicAction::kList, "list"},
                                   {TopicAction::kDescribe, "describe"},
                                   {TopicAction::kCreate, "create"},
                                   {TopicAction::kAlter, "alter"},
                                   {TopicAction::kDelete, "delete"}};

// Options that only some actions take.
struct Restriction {
  std::string_view option;
  std::vector<TopicAction> actions;
};

Result<> check_combinations(const Options& options, const ActionName& action) {
  using enum TopicAction;
  const Restriction restrictions[] = {
      {"config", {kCreate}},
      {"partitions", {kCreate, kAlter}},
      {"replication-factor", {kCreate}},
      {"replica-assignment", {kCreate, kAlter}},
      {"under-replicated-partitions", {kDescribe}},
      {"under-min-isr-partitions", {kDescribe}},
      {"at-min-isr-partitions", {kDescribe}},
      {"unavailable-partitions", {kDescribe}},
      {"topics-with-overrides", {kDescribe}},
      {"if-exists", {kAlter, kDelete, kDescribe}},
      {"if-not-exists", {kCreate}},
      {"exclude-internal", {kList, kDescribe}},
  };
  const auto conflict = [](std::string_view option, std::string_view other) {
    return fail(Errc::kInvalidArgument,
                fmt::format("Option \"[{}]\" can't be used with option \"[{}]\"", option, other));
  };
  for (const Restriction& restriction : restrictions) {
    const bool is_allowed =
        std::ranges::find(restriction.actions, action.action) != restriction.actions.end();
    if (options.has(restriction.option) && !is_allowed) return conflict(restriction.option, action.option);
  }
  if (action.action == kCreate && options.has("replica-assignment")) {
    for (const std::string_view other : {"partitions", "replication-factor"}) {
      if (options.has(other)) return conflict("replica-assignment", other);
    }
  }
  const bool needs_topic = action.action != kList && action.action != kDescribe;
  if (needs_topic && !options.has("topic"))
    return fail(Errc::kInvalidArgument, "Missing required argument \"[topic]\"");
  if (action.action == kAlter && !options.has("partitions")) {
    return fail(Errc::kInvalidArgument, "Missing required argument \"[partitions]\"");
  }
  return {};
}

Result<std::vector<std::int32_t>> read_brokers(std::string_view text) {
  std::vector<std::int32_t> brokers;
  std::set<std::int32_t> seen;
  while (true) {
    const std::size_t colon = text.find(':');
    std::string_view one = text.substr(0, colon);
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    std::int32_t id = 0;
    const auto [end, error] = std::from_chars(one.data(), one.data() + one.size(), id);
    if (error != std::errc() || end != one.data() + one.size()) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("'{}' in --replica-assignment is not a broker id", one));
    }
    if (!seen.insert(id).second) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("Partition replica lists may not contain duplicate entries: {}", id));
    }
    brokers.push_back(id);
    if (colon == std::string_view::npos) return brokers;
    text.remove_prefix(colon + 1);
  }
}

Result<std::vector<std::vector<std::int32_t>>> read_assignment(std::string_view text) {
  std::vector<std::vector<std::int32_t>> assignment;
  while (true) {
    const std::size_t comma = text.find(',');
    TRY_ASSIGN(auto brokers, read_brokers(text.substr(0, comma)));
    if (!assignment.empty() && brokers.size() != assignment[0].size()) {
      return fail(Errc::kInvalidArgument, fmt::format("Partition {} has different replication factor: [{}]",
                                                      assignment.size(), fmt::join(brokers, ", ")));
    }
    assignment.push_back(std::move(brokers));
    if (comma == std::string_view::npos) return assignment;
    text.remove_prefix(comma + 1);
  }
}

Result<std::pair<std::string, std::string>> read_config(std::string_view text) {
  const auto trimmed = [](std::string_view part) {
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    return std::string(part);
  };
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || trimmed(text.substr(0, equals)).empty()) {
    return fail(
        Errc::kInvalidArgument,
        fmt::format("Invalid topic config '{}': all configs to be added must be in the format \"key=val\".",
                    text));
  }
  return std::pair(trimmed(text.substr(0, equals)), trimmed(text.substr(equals + 1)));
}

}  // namespace

std::span<const OptionSpec> topic_options() { return kOptions; }

Result<TopicRequest> read_topic_request(const Options& options) {
  std::vector<ActionName> actions;
  std::ranges::copy_if(kActions, std::back_inserter(actions),
                       [&](const ActionName& action) { return options.has(action.option); });
  if (actions.size() != 1) {
    return fail(Errc::kInvalidArgument,
                "Command must include exactly one action: --list, --describe, --create, --alter or --delete");
  }
  if (!options.positional().empty()) {
    return fail(Errc::kInvalidArgument, fmt::format("unexpected argument '{}'", options.positional()[0]));
  }
  TRY(check_combinations(options, actions[0]));

  TopicRequest request;
  request.action = actions[0].action;
  request.topic = options.value("topic");
  if (const auto id = options.value("topic-id")) {
    TRY_ASSIGN(const base::Uuid uuid, base::Uuid::parse(*id));
    if (!uuid.is_zero()) request.topic_id = uuid;
  }
  TRY_ASSIGN(const auto partitions, options.number("partitions", INT32_MIN, INT32_MAX));
  TRY_ASSIGN(const auto factor, options.number("replication-factor", INT32_MIN, INT32_MAX));
  if (partitions && *partitions < 1) return fail(Errc::kOutOfRange, "The partitions must be greater than 0");
  if (factor && (*factor < 1 || *factor > INT16_MAX)) {
    return fail(Errc::kOutOfRange, "The replication factor must be between 1 and 32767 inclusive");
  }
  if (partitions) request.partitions = static_cast<std::int32_t>(*partitions);
  if (factor) request.replication_factor = static_cast<std::int16_t>(*factor);
  if (const auto assignment = options.value("replica-assignment")) {
    TRY_ASSIGN(request.assignment, read_assignment(*assignment));
  }
  for (const std::string& text : options.values("config")) {
    TRY_ASSIGN(auto config, read_config(text));
    request.configs.push_back(std::move(config));
  }
  request.if_exists = options.has("if-exists");
  request.if_not_exists = options.has("if-not-exists");
  request.exclude_internal = options.has("exclude-internal");
  request.only_overridden = options.has("topics-with-overrides");
  request.only_under_replicated = options.has("under-replicated-partitions");
  request.only_unavailable = options.has("unavailable-partitions");
  request.only_under_min_isr = options.has("under-min-isr-partitions");
  request.only_at_min_isr = options.has("at-min-isr-partitions");
  if (request.only_overridden && request.is_report()) {
    return fail(Errc::kInvalidArgument,
                "Option \"[topics-with-overrides]\" can't be used with the partition reports");
  }
  return request;
}

}  // namespace penstock::cli
