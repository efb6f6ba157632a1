// The broker's membership: registers with the controller, sends heartbeats, comes into service when it has
// read its own registration and said it is ready, and leaves by a controlled shutdown.
//
// Lifetime: controller and images outlive stop().
// Threads: the control reactor.
// Source: KIP-631 (registration and fencing), KIP-841 (controlled shutdown).
#pragma once

#include <string>
#include <vector>

#include "base/aio/cancel.h"
#include "base/aio/completion.h"
#include "base/aio/gate.h"
#include "base/aio/reactor.h"
#include "base/aio/task.h"
#include "broker/metadata/config.h"
#include "broker/metadata/controller_api.h"
#include "broker/metadata/image_source.h"

namespace penstock::metadata {

struct BrokerLifecycleOptions {
  aio::Reactor* reactor = nullptr;
  const MetadataConfig* config = nullptr;
  ControllerApi* controller = nullptr;
  ImageSource* images = nullptr;
  std::string cluster_id;
  base::Uuid incarnation_id{};        // New at every start of the process.
  std::vector<Endpoint> listeners{};  // As advertised, without controller listeners.
  std::vector<base::Uuid> directories{};
  kafka::BrokerEpoch previous_epoch = kafka::kNoBrokerEpoch;  // From the clean-shutdown file.
};

class BrokerLifecycle {
 public:
  explicit BrokerLifecycle(BrokerLifecycleOptions options);

  // Registers and keeps the heartbeats going.
  void start();
  // Registered: the epoch is known. ERRORS: kTimedOut (initial.broker.registration.timeout.ms),
  // kUnsupported, kConflict (another broker has the id), kShuttingDown.
  aio::Task<base::Result<kafka::BrokerEpoch>> wait_registered();
  // The broker can serve: from now on it asks to be unfenced.
  void set_ready() { is_ready_ = true; }
  // In service. ERRORS: kShuttingDown.
  aio::Task<base::Result<>> wait_unfenced();

  kafka::BrokerEpoch epoch() const { return epoch_; }
  bool is_fenced() const { return is_fenced_; }

  // Leaders move away, then the controller lets the broker go. ERRORS: kTimedOut.
  aio::Task<base::Result<>> shut_down(base::Duration timeout);
  aio::Task<> stop();

 private:
  aio::Task<> run();
  aio::Task<base::Result<>> register_once();
  aio::Task<> beat();
  base::Duration next_wait() const;

  const BrokerLifecycleOptions options_;
  kafka::BrokerEpoch epoch_ = kafka::kNoBrokerEpoch;
  bool is_ready_ = false;
  bool is_fenced_ = true;
  bool wants_shutdown_ = false;
  bool should_shut_down_ = false;
  base::MonoTime started_at_{};
  aio::Completion<base::Result<kafka::BrokerEpoch>> registered_;
  aio::Completion<base::Result<>> unfenced_;
  aio::CancelSource stopping_;
  aio::Gate gate_;
};

}  // namespace penstock::metadata
