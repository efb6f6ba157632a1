// The bodies of AdminClient's call templates; only this module's .cc files include it.
//
// Lifetime: a GateHold keeps stop() waiting until the call has ended.
// Threads:  the client's reactor.
#pragma once

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/aio/sleep.h"
#include "kafka/client/admin_client.h"
#include "kafka/client/retry_policy.h"
#include "kafka/error_codes.h"

namespace penstock::kafka {

class GateHold {
 public:
  explicit GateHold(aio::Gate& gate) : gate_(gate), is_inside_(gate.enter()) {}
  ~GateHold() {
    if (is_inside_) gate_.leave();
  }
  GateHold(const GateHold&) = delete;
  GateHold& operator=(const GateHold&) = delete;
  bool is_inside() const { return is_inside_; }

 private:
  aio::Gate& gate_;
  const bool is_inside_;
};

template <typename Request>
aio::Task<base::Result<typename Request::Response>> AdminClient::try_once(NodeId node, Request request,
                                                                          base::MonoTime deadline) {
  auto connection = co_await connection_to(node, deadline);
  if (!connection) co_return base::fail(std::move(connection).error());
  const base::MonoTime until = std::min(deadline, reactor_.now() + options_.request_timeout);
  auto response = co_await (*connection)->call(std::move(request), until);
  // After silence the next try takes a new connection.
  if (!response && response.error().code() == base::Errc::kTimedOut) (*connection)->close(response.error());
  co_return response;
}

template <typename Request>
aio::Task<base::Result<typename Request::Response>> AdminClient::call_until(NodeId node, Request request,
                                                                            base::MonoTime deadline) {
  for (std::uint32_t tries = 0;; ++tries) {
    auto response = co_await try_once(node, request, deadline);
    std::optional<base::Error> cause;
    if (response) {
      const auto code = retriable_failure(*response);
      if (!code) co_return response;
      cause.emplace(base::Errc::kUnavailable, fmt::format("{}: {}", api_name(Request::kApiKey),
                                                          error_name(static_cast<ErrorCode>(*code))));
    } else {
      const base::Errc code = response.error().code();
      if (code != base::Errc::kUnavailable && code != base::Errc::kTimedOut &&
          code != base::Errc::kLimitExceeded) {
        co_return response;
      }
      cause.emplace(response.error());
    }
    if (options_.on_retry) options_.on_retry(*cause);
    const auto slept = co_await back_off(tries, deadline, *cause);
    if (!slept) {
      // What the broker said last is worth more than that time is up.
      if (response && slept.error().code() != base::Errc::kShuttingDown) co_return response;
      co_return base::fail(slept.error());
    }
  }
}

template <typename Request>
aio::Task<base::Result<typename Request::Response>> AdminClient::call(NodeId node, Request request) {
  const GateHold hold(gate_);
  if (!hold.is_inside()) co_return base::fail(base::Errc::kShuttingDown, "kafka client is stopping");
  co_return co_await call_until(node, std::move(request), call_deadline());
}

}  // namespace penstock::kafka
