// host:port pairs as people write them: "localhost:9092,[::1]:9093,broker".
//
// Threads: values.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace penstock::kafka {

struct Endpoint {
  std::string host;
  std::uint16_t port = 9092;

  // "localhost:9092"; an IPv6 address gets its brackets.
  std::string to_string() const;
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

// Comma separated; the port may be left out. ERRORS: kInvalidArgument for an empty list, host or bad port.
base::Result<std::vector<Endpoint>> parse_endpoints(std::string_view text, std::uint16_t default_port = 9092);

}  // namespace penstock::kafka
