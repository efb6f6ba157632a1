#include "kafka/client/endpoint.h"

#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace penstock::kafka {

using base::Errc;
using base::fail;
using base::Result;

namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

Result<Endpoint> parse_one(std::string_view text, std::uint16_t default_port) {
  Endpoint endpoint;
  endpoint.port = default_port;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos)
      return fail(Errc::kInvalidArgument, fmt::format("no ']' in '{}'", text));
    endpoint.host = text.substr(1, close - 1);
    port = text.substr(close + 1);
  } else {
    const std::size_t colon = text.rfind(':');
    endpoint.host = text.substr(0, colon);
    port = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
  }
  if (!port.empty()) {
    const auto number = port.starts_with(':') ? parse_port(port.substr(1)) : std::nullopt;
    if (!number) return fail(Errc::kInvalidArgument, fmt::format("bad port in '{}'", text));
    endpoint.port = *number;
  }
  if (endpoint.host.empty()) return fail(Errc::kInvalidArgument, fmt::format("no host in '{}'", text));
  return endpoint;
}

}  // namespace

std::string Endpoint::to_string() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

Result<std::vector<Endpoint>> parse_endpoints(std::string_view text, std::uint16_t default_port) {
  std::vector<Endpoint> endpoints;
  while (true) {
    const std::size_t comma = text.find(',');
    std::string_view one = text.substr(0, comma);
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    TRY_ASSIGN(Endpoint endpoint, parse_one(one, default_port));
    endpoints.push_back(std::move(endpoint));
    if (comma == std::string_view::npos) return endpoints;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace penstock::kafka
