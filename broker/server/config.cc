#include "broker/server/config.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>

#include <fmt/core.h>

namespace penstock::server {

using base::Errc;
using base::fail;

namespace {

std::string upper(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return out;
}

base::Result<std::map<std::string, std::string>> protocols(const ServerConfig& config) {
  std::map<std::string, std::string> map;
  for (const std::string& entry : config.security_protocol_map()) {
    const std::size_t colon = entry.find(':');
    if (colon == std::string::npos) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("config listener.security.protocol.map: '{}': expected NAME:PROTOCOL", entry));
    }
    map[upper(entry.substr(0, colon))] = upper(entry.substr(colon + 1));
  }
  return map;
}

base::Result<> check_protocol(const std::map<std::string, std::string>& map, const ListenerAddress& listener,
                              bool is_controller) {
  const auto found = map.find(listener.name);
  // Kafka takes a controller listener without an entry as PLAINTEXT.
  if (found == map.end() && is_controller) return {};
  if (found == map.end()) {
    return fail(
        Errc::kInvalidArgument,
        fmt::format("config listeners: no protocol for {} in listener.security.protocol.map", listener.name));
  }
  if (found->second != "PLAINTEXT") {
    return fail(Errc::kUnsupported,
                fmt::format("config listener.security.protocol.map: {}:{}: this version serves "
                            "PLAINTEXT only",
                            listener.name, found->second));
  }
  return {};
}

base::Result<std::vector<ListenerAddress>> parse_all(std::string_view key,
                                                     const std::vector<std::string>& entries) {
  std::vector<ListenerAddress> parsed;
  for (const std::string& entry : entries) {
    TRY_ASSIGN(ListenerAddress address, parse_listener(key, entry));
    if (std::ranges::any_of(parsed, [&](const auto& other) { return other.name == address.name; })) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("config {}: the name {} is there twice", key, address.name));
    }
    parsed.push_back(std::move(address));
  }
  return parsed;
}

}  // namespace

base::Result<ListenerAddress> parse_host_port(std::string_view key, std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const auto bad = [&](std::string_view expected) {
    return fail(Errc::kInvalidArgument, fmt::format("config {}: '{}': expected {}", key, text, expected));
  };
  if (colon == std::string_view::npos) return bad("host:port");
  ListenerAddress address;
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  address.host = std::string(host);
  const std::string_view port = text.substr(colon + 1);
  const auto [end, code] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (port.empty() || code != std::errc{} || end != port.data() + port.size())
    return bad("a port from 0 to 65535");
  return address;
}

base::Result<ListenerAddress> parse_listener(std::string_view key, std::string_view text) {
  const std::size_t separator = text.find("://");
  if (separator == std::string_view::npos || separator == 0) {
    return fail(Errc::kInvalidArgument, fmt::format("config {}: '{}': expected NAME://host:port", key, text));
  }
  TRY_ASSIGN(ListenerAddress address, parse_host_port(key, text.substr(separator + 3)));
  address.name = upper(text.substr(0, separator));
  return address;
}

base::Result<Listeners> resolve_listeners(const ServerConfig& config,
                                          const std::vector<std::string>& controller_names,
                                          const std::string& host_name) {
  Listeners result;
  TRY_ASSIGN(const auto map, protocols(config));
  TRY_ASSIGN(result.bound, parse_all("listeners", config.listeners()));
  TRY_ASSIGN(std::vector<ListenerAddress> advertised,
             parse_all("advertised.listeners", config.advertised_listeners()));
  for (const ListenerAddress& listener : result.bound) {
    const bool is_controller = std::ranges::find(controller_names, listener.name) != controller_names.end();
    TRY(check_protocol(map, listener, is_controller));
    const auto found = std::ranges::find(advertised, listener.name, &ListenerAddress::name);
    ListenerAddress told = found == advertised.end() ? listener : *found;
    if (told.host.empty()) told.host = host_name;
    if (told.host == "0.0.0.0" || told.host == "::") {
      return fail(Errc::kInvalidArgument,
                  fmt::format("config advertised.listeners: {}: clients cannot connect to {}; name a host",
                              told.name, told.host));
    }
    result.advertised.push_back(std::move(told));
  }
  for (const ListenerAddress& listener : advertised) {
    if (std::ranges::find(result.bound, listener.name, &ListenerAddress::name) == result.bound.end()) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("config advertised.listeners: {} is not in listeners", listener.name));
    }
  }
  if (const std::string name = upper(config.inter_broker_listener());
      !name.empty() && std::ranges::find(result.bound, name, &ListenerAddress::name) == result.bound.end()) {
    return fail(Errc::kInvalidArgument,
                fmt::format("config inter.broker.listener.name: {} is not in listeners", name));
  }
  return result;
}

std::string inter_broker_listener(const ServerConfig& config) {
  return upper(config.inter_broker_listener());
}

base::Result<std::string> data_directory(const ServerConfig& config) {
  const std::vector<std::string>& dirs = config.log_dirs().empty() ? config.log_dir() : config.log_dirs();
  if (dirs.size() != 1) {
    return fail(Errc::kUnsupported,
                fmt::format("config log.dirs: {} directories; this version serves one", dirs.size()));
  }
  return dirs.front();
}

}  // namespace penstock::server
