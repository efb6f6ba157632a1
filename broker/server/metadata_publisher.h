// Carries each new metadata image to what depends on it: the replicas of this broker, and the group
// coordinators of the __consumer_offsets partitions that it leads.
//
// Images are applied one after the other, in order. Handlers see a new image before its replicas are ready; a
// client that is quicker gets NOT_LEADER_OR_FOLLOWER and asks again, as with Kafka. Until an image has the
// registration of this process, logs are opened but nothing is led or followed.
//
// Threads: the control reactor.
// Lifetime: start(), then stop() before destruction.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <set>
#include <string>

#include "base/aio/completion.h"
#include "base/aio/gate.h"
#include "base/aio/reactor.h"
#include "broker/coordinator/group/group_coordinators.h"
#include "broker/metadata/config_view.h"
#include "broker/metadata/image_source.h"
#include "broker/replication/replica_manager.h"

namespace penstock::server {

class MetadataPublisher {
 public:
  struct Parts {
    kafka::NodeId self;
    aio::Reactor& reactor;
    metadata::ImageSource& images;
    const metadata::BrokerConfigView& config;
    replication::ReplicaManager& replicas;
    coordinator::GroupCoordinators& groups;
    std::int64_t replica_lag_max_ms;
    // Of this process: only its own registration says that it may lead and fetch.
    base::Uuid incarnation_id;
    std::string inter_broker_listener;  // Empty: each broker's first.
  };
  explicit MetadataPublisher(Parts parts) : parts_(parts) {}

  void start();
  aio::Task<> stop();

  // The newest record that has been applied.
  kafka::Offset applied() const { return applied_; }
  // Resumes once everything up to `offset` has been applied, or when nobody waits any more.
  aio::Task<> wait_applied(kafka::Offset offset);
  void give_up_waiting();

 private:
  void on_update(const metadata::ImageUpdate& update);
  aio::Task<> apply_all();
  void wake_waiters();
  aio::Task<> apply(metadata::ImageUpdate update);
  void add_topic_changes(const metadata::ImageUpdate& update, const base::Uuid& topic_id,
                         replication::LocalChanges& changes) const;
  void apply_broker_configs(const metadata::ImageUpdate& update) const;
  void add_config_changes(const metadata::ImageUpdate& update, replication::LocalChanges& changes) const;
  aio::Task<> update_coordinators(const metadata::MetadataImage& before,
                                  const metadata::MetadataImage& after);

  const Parts parts_;
  std::uint64_t subscription_ = 0;
  std::deque<metadata::ImageUpdate> pending_;  // Bounded by the controller's own pace: it waits for commits.
  bool is_applying_ = false;
  kafka::Offset applied_{-1};
  struct Waiter {
    kafka::Offset wanted;
    aio::Completion<bool> done;
  };
  std::deque<Waiter> waiters_;  // A handful: the start of the broker.
  aio::Gate gate_;
};

}  // namespace penstock::server
