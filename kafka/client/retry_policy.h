// Which answers of a broker are worth asking again.
//
// Threads: pure functions.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "kafka/error_codes.h"

namespace penstock::kafka {

// Narrower than "retriable": an unknown topic is an answer, and a request that timed out may have been done.
inline bool is_asked_again(std::int16_t code) {
  const auto error = static_cast<ErrorCode>(code);
  if (error == ErrorCode::kUnknownTopicOrPartition || error == ErrorCode::kUnknownTopicId ||
      error == ErrorCode::kRequestTimedOut) {
    return false;
  }
  return code != 0 && is_retriable(error);
}

// The error of an answer that is worth nothing: its own, or that of all its items when every one may be asked
// again.
template <typename Items>
std::optional<std::int16_t> all_failed(const Items& items) {
  if (items.empty()) return std::nullopt;
  for (const auto& item : items) {
    if (!is_asked_again(item.error_code)) return std::nullopt;
  }
  return items.front().error_code;
}

template <typename Response>
std::optional<std::int16_t> retriable_failure(const Response& response) {
  if constexpr (requires { response.error_code; }) {
    if (is_asked_again(response.error_code)) return response.error_code;
  }
  if constexpr (requires { response.coordinators.front().error_code; })
    return all_failed(response.coordinators);
  if constexpr (requires { response.topics.front().error_code; }) return all_failed(response.topics);
  if constexpr (requires { response.results.front().error_code; }) return all_failed(response.results);
  if constexpr (requires { response.responses.front().error_code; }) return all_failed(response.responses);
  return std::nullopt;
}

}  // namespace penstock::kafka
