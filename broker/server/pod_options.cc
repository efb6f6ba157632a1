#include "broker/server/pod_options.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <set>
#include <string_view>

#include <fmt/core.h>

#include "broker/server/config.h"

namespace penstock::server {

using base::Errc;
using base::fail;

namespace {

constexpr const char* kControllerListeners = "controller.listener.names";

std::vector<std::string> parts_of(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    std::string_view part = text.substr(0, comma);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) parts.emplace_back(part);
    text = comma == std::string_view::npos ? "" : text.substr(comma + 1);
  }
  return parts;
}

// Rewrites a list of NAME://host:port; an entry that `change` empties is left out.
base::Result<> change_listeners(base::Properties& properties, const char* key,
                                const std::function<base::Result<>(std::string&)>& change) {
  const auto found = properties.find(key);
  if (found == properties.end()) return {};
  std::string changed;
  for (std::string& entry : parts_of(found->second)) {
    TRY(change(entry));
    if (!entry.empty()) (changed += changed.empty() ? "" : ",") += entry;
  }
  found->second = std::move(changed);
  return {};
}

base::Result<std::int32_t> ordinal_of(const std::string& pod_name) {
  const std::size_t dash = pod_name.rfind('-');
  std::int32_t ordinal = -1;
  const char* end = pod_name.data() + pod_name.size();
  const char* digits = dash == std::string::npos ? end : pod_name.data() + dash + 1;
  const auto parsed = std::from_chars(digits, end, ordinal);
  if (parsed.ec != std::errc{} || parsed.ptr != end || ordinal < 0) {
    return fail(Errc::kInvalidArgument,
                fmt::format("option --node-id-from-pod-name: '{}' does not end in -ORDINAL", pod_name));
  }
  return ordinal;
}

// Kafka refuses a controller's listeners, and its wish to join the quorum, on a node that is none.
base::Result<> make_broker_only(base::Properties& properties) {
  std::set<std::string> names;
  for (const std::string& name : parts_of(properties[kControllerListeners])) names.insert(name);
  properties["process.roles"] = "broker";
  properties.erase("controller.quorum.auto.join.enable");
  for (const char* key : {"listeners", "advertised.listeners"}) {
    TRY(change_listeners(properties, key, [&](std::string& entry) -> base::Result<> {
      if (names.contains(entry.substr(0, entry.find("://")))) entry.clear();
      return {};
    }));
  }
  return {};
}

base::Result<> raise_port(base::Properties& properties, const std::string& name, std::int32_t ordinal) {
  constexpr const char* kKey = "advertised.listeners";
  return change_listeners(properties, kKey, [&](std::string& entry) -> base::Result<> {
    if (entry.substr(0, entry.find("://")) != name) return {};
    TRY_ASSIGN(const ListenerAddress address, parse_listener(kKey, entry));
    if (address.port + ordinal > 65535) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("option --port-by-ordinal: {} has no port {} places further", entry, ordinal));
    }
    entry.resize(entry.rfind(':') + 1);
    entry += std::to_string(address.port + ordinal);
    return {};
  });
}

}  // namespace

base::Result<> apply_ordinal(const PodOptions& options, base::Properties& properties) {
  if (!options.pod_name) return {};
  TRY_ASSIGN(const std::int32_t ordinal, ordinal_of(*options.pod_name));
  properties["node.id"] = std::to_string(options.node_id_base + ordinal);
  if (options.controllers && ordinal >= *options.controllers) TRY(make_broker_only(properties));
  for (const std::string& name : options.ports_by_ordinal) TRY(raise_port(properties, name, ordinal));
  return {};
}

}  // namespace penstock::server
