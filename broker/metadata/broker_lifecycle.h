// The broker's membership: registers with the controller, sends heartbeats, comes into service when it has
// read its own registration and said it is ready, and leaves by a controlled shutdown.
//
// Lifetime: the controller outlives stop().
// Threads: the control reactor.
// Source: KIP-631 (registration and fencing), KIP-841 (controlled shutdown).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/aio/cancel.h"
#include "base/aio/completion.h"
#include "base/aio/gate.h"
#include "base/aio/reactor.h"
#include "base/aio/task.h"
#include "broker/metadata/controller_api.h"
#include "broker/metadata/image.h"

namespace penstock::metadata {

struct LifecycleOptions {
  kafka::NodeId node{};
  std::string cluster_id;
  base::Uuid incarnation_id{};        // New at every start of the process.
  std::vector<Endpoint> listeners{};  // As advertised, without controller listeners.
  std::vector<FeatureRange> features{};
  std::optional<std::string> rack{};
  std::vector<base::Uuid> directories{};
  kafka::BrokerEpoch previous_epoch = kafka::kNoBrokerEpoch;  // From the clean-shutdown file.
  base::Duration heartbeat_interval = base::seconds(2);
  base::Duration registration_timeout = base::seconds(60);
  std::function<kafka::Offset()> applied_offset;  // How far this broker has applied the metadata log.
  std::function<bool()> is_quorum_gone;           // Nothing can be decided by now. Null: unknown.
};

class BrokerLifecycle {
 public:
  BrokerLifecycle(aio::Reactor& reactor, ControllerApi& controller, LifecycleOptions options);

  // Registers and keeps the heartbeats going.
  void start();
  // Registered: the epoch is known. ERRORS: kTimedOut (initial.broker.registration.timeout.ms),
  // kUnsupported, kConflict (another broker has the id), kShuttingDown.
  aio::Task<base::Result<kafka::BrokerEpoch>> wait_registered();
  // The broker can serve: from now on it asks to be unfenced.
  void set_ready() { is_ready_ = true; }
  // In service. ERRORS: kShuttingDown.
  aio::Task<base::Result<>> wait_unfenced();

  // Every heartbeat tells from now on that these are lost, so that the controller counts on no replica in
  // them.
  void set_lost_directories(std::vector<base::Uuid> lost) { lost_directories_ = std::move(lost); }

  kafka::BrokerEpoch epoch() const { return epoch_; }
  bool is_fenced() const { return is_fenced_; }

  // Who waits for the registration or for the service hears kShuttingDown, if it has not come.
  void give_up_waiting();
  // Leaders move away, then the controller lets the broker go. False when it did not within `timeout`, or
  // when none has answered for kSilenceMax or can be there: in a cluster that stops as a whole none is left.
  aio::Task<bool> controlled_shutdown(base::Duration timeout);
  aio::Task<> stop();

 private:
  static constexpr base::Duration kSilenceMax = base::seconds(5);

  aio::Task<> run();
  aio::Task<base::Result<>> register_once();
  aio::Task<> beat();
  base::Duration next_wait() const;

  aio::Reactor& reactor_;
  ControllerApi& controller_;
  const LifecycleOptions options_;
  kafka::BrokerEpoch epoch_ = kafka::kNoBrokerEpoch;
  bool is_ready_ = false;
  bool is_fenced_ = true;
  bool wants_shutdown_ = false;
  bool should_shut_down_ = false;
  std::vector<base::Uuid> lost_directories_;
  base::MonoTime started_at_{};
  base::MonoTime answered_at_{};  // When a controller last answered a heartbeat.
  aio::Completion<base::Result<kafka::BrokerEpoch>> registered_;
  aio::Completion<base::Result<>> unfenced_;
  aio::CancelSource stopping_;
  aio::Gate gate_;
};

}  // namespace penstock::metadata
