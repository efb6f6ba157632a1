#include "broker/metadata/broker_lifecycle.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/aio/sleep.h"
#include "base/log.h"
#include "broker/metadata/features.h"
#include "kafka/error_codes.h"

namespace penstock::metadata {

using kafka::ErrorCode;

namespace {

constexpr base::Logger log("lifecycle");
// While it waits for the controller, a broker asks more often than its heartbeat interval.
constexpr base::Duration kEagerInterval = base::milliseconds(50);

}  // namespace

BrokerLifecycle::BrokerLifecycle(BrokerLifecycleOptions options) : options_(std::move(options)) {}

void BrokerLifecycle::start() {
  started_at_ = options_.reactor->now();
  aio::spawn(gate_, "broker lifecycle", run());
}

aio::Task<base::Result<kafka::BrokerEpoch>> BrokerLifecycle::wait_registered() {
  co_return co_await registered_.wait();
}

aio::Task<base::Result<>> BrokerLifecycle::wait_unfenced() { co_return co_await unfenced_.wait(); }

base::Duration BrokerLifecycle::next_wait() const {
  const base::Duration interval = base::milliseconds(options_.config->heartbeat_interval_ms());
  const bool is_waiting = epoch_ == kafka::kNoBrokerEpoch || (is_ready_ && is_fenced_) || wants_shutdown_;
  return is_waiting ? std::min(interval, kEagerInterval)
                    : std::min(interval, is_ready_ ? interval : kEagerInterval);
}

aio::Task<> BrokerLifecycle::run() {
  while (!stopping_.is_cancelled()) {
    if (epoch_ == kafka::kNoBrokerEpoch) {
      const auto done = co_await register_once();
      if (!done) {
        registered_.set(base::fail(done.error()));
        unfenced_.set(base::fail(done.error()));
        co_return;
      }
    } else {
      co_await beat();
    }
    if (should_shut_down_) co_return;
    const base::Duration wait = next_wait();
    (void)co_await aio::sleep_for(*options_.reactor, wait, stopping_.token());
  }
}

aio::Task<base::Result<>> BrokerLifecycle::register_once() {
  kafka::BrokerRegistrationRequest request;
  request.broker_id = options_.config->node_id();
  request.cluster_id = options_.cluster_id;
  request.incarnation_id = options_.incarnation_id;
  for (const auto& endpoint : options_.listeners) {
    kafka::BrokerRegistrationRequest::Listener listener;
    listener.name = endpoint.name;
    listener.host = endpoint.host;
    listener.port = endpoint.port;
    listener.security_protocol = endpoint.security_protocol;
    request.listeners.push_back(std::move(listener));
  }
  for (const auto& range : supported_features()) {
    kafka::BrokerRegistrationRequest::Feature feature;
    feature.name = range.name;
    feature.min_supported_version = range.min_version;
    feature.max_supported_version = range.max_version;
    request.features.push_back(std::move(feature));
  }
  request.rack.reset();
  if (!options_.config->rack().empty()) request.rack = options_.config->rack();
  request.log_dirs = options_.directories;
  request.previous_broker_epoch = options_.previous_epoch.value();

  const auto response = co_await options_.controller->register_broker(*options_.reactor, std::move(request));
  const auto error = static_cast<ErrorCode>(response.error_code);
  if (error == ErrorCode::kNone) {
    epoch_ = kafka::BrokerEpoch(response.broker_epoch);
    is_fenced_ = true;
    log.info("registered as broker {} with epoch {}", options_.config->node_id(), epoch_);
    registered_.set(epoch_);
    co_return base::Result<>();
  }
  const auto limit = base::milliseconds(options_.config->registration_timeout_ms());
  const bool is_final = error != ErrorCode::kNotController &&
                        error != ErrorCode::kDuplicateBrokerRegistration &&
                        error != ErrorCode::kRequestTimedOut;
  if (is_final) {
    co_return base::fail(base::Errc::kUnsupported, fmt::format("the controller refuses the registration: {}",
                                                               kafka::error_name(error)));
  }
  if (options_.reactor->now() - started_at_ > limit) {
    co_return base::fail(base::Errc::kTimedOut,
                         fmt::format("no registration within {} ms: {}",
                                     options_.config->registration_timeout_ms(), kafka::error_name(error)));
  }
  co_return base::Result<>();
}

aio::Task<> BrokerLifecycle::beat() {
  kafka::BrokerHeartbeatRequest request;
  request.broker_id = options_.config->node_id();
  request.broker_epoch = epoch_.value();
  request.current_metadata_offset = options_.images->current()->last_offset().value();
  request.want_fence = !is_ready_;
  request.want_shut_down = wants_shutdown_;
  const auto response = co_await options_.controller->broker_heartbeat(*options_.reactor, std::move(request));
  const auto error = static_cast<ErrorCode>(response.error_code);
  if (error == ErrorCode::kStaleBrokerEpoch || error == ErrorCode::kBrokerIdNotRegistered) {
    log.warn("the controller does not know epoch {}: {}; registering again", epoch_,
             kafka::error_name(error));
    epoch_ = kafka::kNoBrokerEpoch;
    started_at_ = options_.reactor->now();
    co_return;
  }
  if (error != ErrorCode::kNone) co_return;
  if (is_fenced_ != response.is_fenced) log.info("broker {}", response.is_fenced ? "fenced" : "in service");
  is_fenced_ = response.is_fenced;
  should_shut_down_ = response.should_shut_down;
  if (!is_fenced_) unfenced_.set({});
}

aio::Task<base::Result<>> BrokerLifecycle::shut_down(base::Duration timeout) {
  wants_shutdown_ = true;
  const base::MonoTime deadline = options_.reactor->now() + timeout;
  // The run loop may be asleep for a whole interval: send what is wanted now.
  while (!should_shut_down_ && epoch_ != kafka::kNoBrokerEpoch) {
    co_await beat();
    if (should_shut_down_) break;
    if (options_.reactor->now() >= deadline) {
      co_return base::fail(base::Errc::kTimedOut, "the controller did not let the broker go");
    }
    (void)co_await aio::sleep_for(*options_.reactor, kEagerInterval, stopping_.token());
  }
  co_return base::Result<>();
}

aio::Task<> BrokerLifecycle::stop() {
  stopping_.cancel();
  co_await gate_.close();
  registered_.set(base::fail(base::Errc::kShuttingDown, "the broker stops"));
  unfenced_.set(base::fail(base::Errc::kShuttingDown, "the broker stops"));
}

}  // namespace penstock::metadata
