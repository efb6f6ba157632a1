// The controller, wherever it is: asks this node while it is the active controller, else the leader of the
// metadata quorum over the network, and asks the next one when that is not the controller any more.
//
// What a lost connection may have left done is asked again, as Kafka's brokers do; a topic that was created
// twice is then answered with TOPIC_ALREADY_EXISTS.
//
// Threads: every call from the reactor `home`, where it also ends; the rest on the control reactor.
// Lifetime: stop() completes every call with NOT_CONTROLLER.
// ERRORS: in the responses; REQUEST_TIMED_OUT when no controller answered in time, UNSUPPORTED_VERSION when
// it lacks the API. Bounds: one connection of each lane, with ConnectionOptions::in_flight_max requests.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>

#include "base/aio/cancel.h"
#include "base/aio/gate.h"
#include "base/aio/transport.h"
#include "broker/metadata/controller_api.h"
#include "kafka/client/link.h"
#include "kafka/ids.h"

namespace penstock::metadata {

struct ControllerRouterOptions {
  aio::Reactor* reactor = nullptr;      // The control reactor.
  aio::Transport* transport = nullptr;  // Null: there is no other node.
  kafka::NodeId self{};
  ControllerApi* local = nullptr;
  std::function<kafka::NodeId()> leader;                                  // kNoNode while there is none.
  std::function<std::optional<kafka::Endpoint>(kafka::NodeId)> where_is;  // The listener of a controller.
  base::Duration heartbeat_timeout = base::milliseconds(4500);
};

class ControllerRouter final : public ControllerApi {
 public:
  explicit ControllerRouter(ControllerRouterOptions options) : options_(std::move(options)) {}

  aio::Task<> stop();
  // What was asked of the leader before is asked of the new one.
  void on_leader_changed();

#define PENSTOCK_CONTROLLER_CALL(method, Message, decision) \
  aio::Task<kafka::Message##Response> method(aio::Reactor& home, kafka::Message##Request request) override;
  PENSTOCK_CONTROLLER_CALLS(PENSTOCK_CONTROLLER_CALL)
  PENSTOCK_CONTROLLER_CALL(register_controller, ControllerRegistration, )
  PENSTOCK_QUORUM_CALLS(PENSTOCK_CONTROLLER_CALL)
#undef PENSTOCK_CONTROLLER_CALL

 private:
  // Requests of one connection are answered one after the other: a heartbeat waits for no topic.
  enum class Lane : std::uint8_t { kLifecycle, kPartitions, kAdmin };
  static constexpr std::size_t kLanes = 3;

  template <typename Request>
  using LocalCall = aio::Task<typename Request::Response> (ControllerApi::*)(aio::Reactor&, Request);
  struct Patience {
    Lane lane = Lane::kAdmin;
    bool is_tried_again = true;
    base::Duration time{};
  };
  Patience patience_for(kafka::ApiKey key) const;
  template <typename Request>
  aio::Task<typename Request::Response> route(Request request, LocalCall<Request> local);
  // nullopt: nobody answered; worth another try.
  template <typename Request>
  aio::Task<std::optional<typename Request::Response>> ask_leader(const Request& request, Lane lane,
                                                                  base::MonoTime deadline);

  const ControllerRouterOptions options_;
  std::array<std::shared_ptr<kafka::Link>, kLanes> links_;  // To the leader that was asked last.
  aio::CancelSource stopping_;
  aio::Gate gate_;
};

}  // namespace penstock::metadata
