// Refused connections: the machine is there and says that nobody listens. To whoever only wants to connect
// that is kUnavailable like any other failure; who looks for signs of death tells it apart by these two.
//
// Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace penstock::aio {

inline constexpr std::string_view kRefusedText = ": Connection refused";

// What Transport::connect() fails with when every address of the host refuses; `peer` is host:port.
inline base::Error refusal_by(std::string_view peer) {
  return {base::Errc::kUnavailable, "connect to " + std::string(peer) + std::string(kRefusedText)};
}

// Also of an error that was given context.
inline bool is_refusal(const base::Error& error) {
  return error.code() == base::Errc::kUnavailable && error.what().ends_with(kRefusedText);
}

}  // namespace penstock::aio
