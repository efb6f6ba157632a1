#include "broker/metadata/controller_router.h"

#include <utility>

#include "base/aio/cross_reactor.h"
#include "base/aio/sleep.h"
#include "base/log.h"
#include "broker/metadata/refusals.h"
#include "kafka/client/retry_policy.h"

namespace penstock::metadata {

using kafka::ErrorCode;

namespace {

constexpr base::Logger log("controller-router");
constexpr base::Duration kRetryPause = base::milliseconds(25);
constexpr base::Duration kAdminPatience = base::seconds(30);
constexpr base::Duration kPartitionsPatience = base::seconds(5);

template <typename Response>
bool says_not_controller(const Response& response) {
  const auto code = kafka::retriable_failure(response);
  return code && static_cast<ErrorCode>(*code) == ErrorCode::kNotController;
}
// What the leader of the quorum itself answers knows no controller.
bool says_not_leader(std::int16_t code) {
  return static_cast<ErrorCode>(code) == ErrorCode::kNotLeaderOrFollower;
}
bool says_not_controller(const kafka::AddRaftVoterResponse& response) {
  return says_not_leader(response.error_code);
}
bool says_not_controller(const kafka::RemoveRaftVoterResponse& response) {
  return says_not_leader(response.error_code);
}
bool says_not_controller(const kafka::DescribeQuorumResponse& response) {
  return !response.topics.empty() && !response.topics.front().partitions.empty() &&
         says_not_leader(response.topics.front().partitions.front().error_code);
}

}  // namespace

aio::Task<> ControllerRouter::stop() {
  stopping_.cancel();
  for (auto& link : links_) {
    if (link) link->close(base::Error(base::Errc::kShuttingDown, "the node stops"));
  }
  co_await gate_.close();
}

void ControllerRouter::on_leader_changed() {
  for (auto& link : links_) {
    if (const auto old = std::exchange(link, nullptr)) {
      old->close(base::Error(base::Errc::kUnavailable, "the controller has changed"));
    }
  }
}

template <typename Request>
aio::Task<std::optional<typename Request::Response>> ControllerRouter::ask_leader(const Request& request,
                                                                                  Lane lane,
                                                                                  base::MonoTime deadline) {
  const kafka::NodeId leader = options_.leader();
  if (leader == kafka::kNoNode || options_.transport == nullptr) co_return std::nullopt;
  const auto endpoint = options_.where_is(leader);
  if (!endpoint) co_return std::nullopt;
  auto& kept = links_[static_cast<std::size_t>(lane)];
  if (kept == nullptr || kept->endpoint() != *endpoint) {
    if (kept) kept->close(base::Error(base::Errc::kUnavailable, "the controller has moved"));
    kafka::ConnectionOptions connection;
    connection.client_id = "broker-" + std::to_string(options_.self.value()) + "-to-controller";
    kept = std::make_shared<kafka::Link>(*options_.reactor, *options_.transport, gate_, *endpoint,
                                         std::move(connection));
  }
  const auto link = kept;
  const auto connection = co_await link->connection(deadline);
  if (!connection) {
    log.debug("controller {}: {}", leader, connection.error().what());
    co_return std::nullopt;
  }
  auto response = co_await (*connection)->call(request, deadline);
  if (response) co_return std::move(*response);
  log.debug("controller {}: {}", leader, response.error().what());
  if (response.error().code() == base::Errc::kUnsupported) {
    co_return refuse_all(request, ErrorCode::kUnsupportedVersion);
  }
  if (response.error().code() == base::Errc::kTimedOut) link->drop(response.error());
  co_return std::nullopt;
}

ControllerRouter::Patience ControllerRouter::patience_for(kafka::ApiKey key) const {
  switch (key) {
    case kafka::ApiKey::kBrokerRegistration:
    case kafka::ApiKey::kBrokerHeartbeat:
    case kafka::ApiKey::kControllerRegistration:
      // Those who ask have a loop of their own.
      return {Lane::kLifecycle, false, options_.heartbeat_timeout};
    case kafka::ApiKey::kAlterPartition:
    case kafka::ApiKey::kAllocateProducerIds:
    case kafka::ApiKey::kAssignReplicasToDirs:
      return {Lane::kPartitions, true, kPartitionsPatience};
    default:
      return {Lane::kAdmin, true, kAdminPatience};
  }
}

template <typename Request>
aio::Task<typename Request::Response> ControllerRouter::route(Request request, LocalCall<Request> local) {
  if (!gate_.enter()) co_return refuse_all(request, ErrorCode::kNotController);
  const Patience patience = patience_for(Request::kApiKey);
  const base::MonoTime deadline = options_.reactor->now() + patience.time;
  std::optional<typename Request::Response> response;
  while (!stopping_.is_cancelled()) {
    if (options_.leader() == options_.self) {
      Request copy = request;
      response = co_await (options_.local->*local)(*options_.reactor, std::move(copy));
    } else {
      response = co_await ask_leader(request, patience.lane, deadline);
    }
    if (response && !says_not_controller(*response)) break;
    if (!patience.is_tried_again || options_.reactor->now() + kRetryPause >= deadline) break;
    (void)co_await aio::sleep_for(*options_.reactor, kRetryPause, stopping_.token());
  }
  gate_.leave();
  if (response) co_return std::move(*response);
  co_return refuse_all(request,
                       stopping_.is_cancelled() ? ErrorCode::kNotController : ErrorCode::kRequestTimedOut);
}

#define PENSTOCK_CONTROLLER_CALL(method, Message, decision)                                       \
  aio::Task<kafka::Message##Response> ControllerRouter::method(aio::Reactor& home,                \
                                                               kafka::Message##Request request) { \
    auto make = [this, &request] {                                                                \
      return route<kafka::Message##Request>(std::move(request), &ControllerApi::method);          \
    };                                                                                            \
    co_return co_await aio::call_on(home, *options_.reactor, std::move(make));                    \
  }
PENSTOCK_CONTROLLER_CALLS(PENSTOCK_CONTROLLER_CALL)
PENSTOCK_CONTROLLER_CALL(register_controller, ControllerRegistration, )
PENSTOCK_QUORUM_CALLS(PENSTOCK_CONTROLLER_CALL)
#undef PENSTOCK_CONTROLLER_CALL

}  // namespace penstock::metadata
