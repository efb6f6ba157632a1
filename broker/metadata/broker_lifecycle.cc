#include "broker/metadata/broker_lifecycle.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/aio/sleep.h"
#include "base/log.h"
#include "kafka/error_codes.h"

namespace penstock::metadata {

using kafka::ErrorCode;

namespace {

constexpr base::Logger log("lifecycle");
// While it waits for the controller, a broker asks more often than its heartbeat interval.
constexpr base::Duration kEagerInterval = base::milliseconds(50);

}  // namespace

BrokerLifecycle::BrokerLifecycle(aio::Reactor& reactor, ControllerApi& controller, LifecycleOptions options)
    : reactor_(reactor), controller_(controller), options_(std::move(options)) {}

void BrokerLifecycle::start() {
  started_at_ = reactor_.now();
  aio::spawn(gate_, "broker lifecycle", run());
}

aio::Task<base::Result<kafka::BrokerEpoch>> BrokerLifecycle::wait_registered() {
  co_return co_await registered_.wait();
}

aio::Task<base::Result<>> BrokerLifecycle::wait_unfenced() { co_return co_await unfenced_.wait(); }

base::Duration BrokerLifecycle::next_wait() const {
  const bool is_in_service = epoch_ != kafka::kNoBrokerEpoch && !is_fenced_ && !wants_shutdown_;
  return is_in_service ? options_.heartbeat_interval : std::min(options_.heartbeat_interval, kEagerInterval);
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
    (void)co_await aio::sleep_for(reactor_, wait, stopping_.token());
  }
}

aio::Task<base::Result<>> BrokerLifecycle::register_once() {
  kafka::BrokerRegistrationRequest request;
  request.broker_id = options_.node.value();
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
  for (const auto& range : options_.features) {
    kafka::BrokerRegistrationRequest::Feature feature;
    feature.name = range.name;
    feature.min_supported_version = range.min_version;
    feature.max_supported_version = range.max_version;
    request.features.push_back(std::move(feature));
  }
  request.rack = options_.rack;
  request.log_dirs = options_.directories;
  request.previous_broker_epoch = options_.previous_epoch.value();

  const auto response = co_await controller_.register_broker(reactor_, std::move(request));
  const auto error = static_cast<ErrorCode>(response.error_code);
  if (error == ErrorCode::kNone) {
    epoch_ = kafka::BrokerEpoch(response.broker_epoch);
    is_fenced_ = true;
    log.info("registered as broker {} with epoch {}", options_.node.value(), epoch_);
    registered_.set(epoch_);
    co_return base::Result<>();
  }
  const bool is_final = error != ErrorCode::kNotController &&
                        error != ErrorCode::kDuplicateBrokerRegistration &&
                        error != ErrorCode::kRequestTimedOut;
  if (is_final) {
    co_return base::fail(base::Errc::kUnsupported, fmt::format("the controller refuses the registration: {}",
                                                               kafka::error_name(error)));
  }
  if (reactor_.now() - started_at_ > options_.registration_timeout) {
    co_return base::fail(base::Errc::kTimedOut,
                         fmt::format("no registration in time: {}", kafka::error_name(error)));
  }
  co_return base::Result<>();
}

aio::Task<> BrokerLifecycle::beat() {
  kafka::BrokerHeartbeatRequest request;
  request.broker_id = options_.node.value();
  request.broker_epoch = epoch_.value();
  request.current_metadata_offset = options_.applied_offset().value();
  request.want_fence = !is_ready_;
  request.want_shut_down = wants_shutdown_;
  request.offline_log_dirs = lost_directories_;
  const auto response = co_await controller_.broker_heartbeat(reactor_, std::move(request));
  const auto error = static_cast<ErrorCode>(response.error_code);
  if (error != ErrorCode::kNotController && error != ErrorCode::kRequestTimedOut)
    answered_at_ = reactor_.now();
  if (error == ErrorCode::kStaleBrokerEpoch || error == ErrorCode::kBrokerIdNotRegistered) {
    log.warn("the controller does not know epoch {}: {}; registering again", epoch_,
             kafka::error_name(error));
    epoch_ = kafka::kNoBrokerEpoch;
    started_at_ = reactor_.now();
    co_return;
  }
  if (error != ErrorCode::kNone) co_return;
  if (is_fenced_ != response.is_fenced) log.info("broker {}", response.is_fenced ? "fenced" : "in service");
  is_fenced_ = response.is_fenced;
  should_shut_down_ = response.should_shut_down;
  if (!is_fenced_) unfenced_.set({});
}

aio::Task<bool> BrokerLifecycle::controlled_shutdown(base::Duration timeout) {
  wants_shutdown_ = true;
  const base::MonoTime deadline = reactor_.now() + timeout;
  answered_at_ = reactor_.now();
  // The run loop may be asleep for a whole interval: say at once what is wanted.
  while (epoch_ != kafka::kNoBrokerEpoch) {
    co_await beat();
    if (should_shut_down_) co_return true;
    if (reactor_.now() >= deadline || stopping_.is_cancelled()) co_return false;
    if (reactor_.now() >= answered_at_ + kSilenceMax) co_return false;
    if (options_.is_quorum_gone && options_.is_quorum_gone()) {
      log.info("the controllers are gone: nobody is left who could take over");
      co_return false;
    }
    (void)co_await aio::sleep_for(reactor_, kEagerInterval, stopping_.token());
  }
  co_return false;
}

aio::Task<> BrokerLifecycle::stop() {
  stopping_.cancel();
  co_await gate_.close();
  give_up_waiting();
}

void BrokerLifecycle::give_up_waiting() {
  registered_.set(base::fail(base::Errc::kShuttingDown, "the broker stops"));
  unfenced_.set(base::fail(base::Errc::kShuttingDown, "the broker stops"));
}

}  // namespace penstock::metadata
