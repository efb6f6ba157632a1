// The controller's core: it decides what the metadata log says next.
//
// decide(state, request) gives records and the answer to send once they are committed; replay(record) is the
// only thing that changes the replicated state. What it knows besides (who sent heartbeats when) is lost with
// the leadership and learned again.
//
// Threads: the control reactor.
// ERRORS: in the responses, with Kafka's codes and words.
// Source: KIP-631, KIP-455 (reassignment), KIP-584 (features), KIP-841 (controlled shutdown), KIP-858
// (directories), KIP-903 (broker epochs in the ISR), KIP-966 (eligible leader replicas).
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "broker/metadata/broker_heartbeats.h"
#include "broker/metadata/config_view.h"
#include "broker/metadata/controller_messages.h"
#include "broker/metadata/fast_fence.h"
#include "broker/metadata/image_builder.h"
#include "broker/metadata/partition_change.h"
#include "broker/metadata/records.h"
#include "broker/metadata/stop_reservation.h"
#include "kafka/error_codes.h"
namespace penstock::metadata {

// No operation writes more than this: the batch must fit into every replica's fetch.
inline constexpr std::size_t kRecordsPerOperationMax = 10'000;
inline constexpr std::int32_t kProducerIdBlock = 1000;
// Leaders moved in one round of balancing.
inline constexpr std::size_t kElectionsPerRound = 1000;

struct ControllerOptions {
  kafka::NodeId self{};
  std::string cluster_id;
  base::Duration session_timeout = base::seconds(9);
  std::int32_t default_partitions = 1;
  std::int16_t default_replication_factor = 1;
  bool is_topic_deletion_enabled = true;
  // How often leaderships go back to the preferred replicas; empty when they do not by themselves.
  std::optional<base::Duration> leader_balance_interval{};
  base::Duration unclean_election_interval = base::seconds(300);
  // How long a broker that is told to stop waits for others to be back.
  base::Duration stop_wait_max{};
  // Asked when a stop is to be granted; without it no voters are known.
  std::function<QuorumStanding()> quorum{};
  // What is in effect for a topic; outlives the controller. Without one Kafka's defaults count.
  const BrokerConfigView* configs = nullptr;
};

// When a decision is made, and the offset that its first record would get.
struct At {
  base::MonoTime now{};
  kafka::Offset next_offset{};
};

template <typename Response>
struct Decision {
  Response response{};
  Records records{};
  // What is answered when that much time has passed and they are not committed; without it the answer waits.
  struct Late {
    base::Duration after{};
    Response response{};
  };
  std::optional<Late> late{};
};

// Leaderships leave a broker that is gone; it was last known alive, or known dead, at that time.
struct Failover {
  kafka::NodeId broker{};
  base::MonoTime since{};
};

// What the controller does by itself, and why.
struct DueWork {
  Records records{};
  std::string reason{};
  std::optional<Failover> failover{};  // Done when the records are committed.
};

// What comes of the word that a broker's process has ended.
struct DeadBroker {
  bool is_fenced = false;
  std::string reason{};  // For people.
  DueWork work{};
};

// An error code with the text that goes with it.
struct Refused {
  kafka::ErrorCode code = kafka::ErrorCode::kNone;
  std::string message;
  explicit operator bool() const { return code != kafka::ErrorCode::kNone; }
};

// Brokers whose standing changes with the decision that is being made.
struct Movement {
  std::optional<std::int32_t> leaving{};   // Leaves the ISRs and leads nothing.
  std::optional<std::int32_t> arriving{};  // May lead, although the image still says that it is fenced.
  std::optional<std::int32_t> lossy{};     // As leaving, and is not eligible either.
};

class Controller {
 public:
  Controller(ControllerOptions options, base::Random& random);

  // Takes leadership with everything that is committed.
  void activate(const ImageBuilder& committed, base::MonoTime now);
  void deactivate();
  bool is_active() const { return builder_.has_value(); }

  // --- While active ---------------------------------------------------------------------------------------
  const MetadataImage& image() const { return builder_->image(); }
  base::Result<> replay(const Record& record) { return builder_->replay(record); }
  ImageUpdate publish(kafka::Offset offset, kafka::LeaderEpoch epoch);

  // What a new leader writes first: the bootstrap records when the log is empty, an end to a transaction that
  // the last leader left open.
  Records activation_records(const Records& bootstrap) const;

  using RegisterBroker = Decision<kafka::BrokerRegistrationResponse>;
  RegisterBroker register_broker(const kafka::BrokerRegistrationRequest& request, const At& at);
  Records register_controller(const kafka::ControllerRegistrationRequest& request) const;
  Decision<kafka::BrokerHeartbeatResponse> broker_heartbeat(const kafka::BrokerHeartbeatRequest& request,
                                                            const At& at);
  Decision<kafka::CreateTopicsResponse> create_topics(const kafka::CreateTopicsRequest& request);
  Decision<kafka::DeleteTopicsResponse> delete_topics(const kafka::DeleteTopicsRequest& request) const;
  Decision<kafka::CreatePartitionsResponse> create_partitions(const kafka::CreatePartitionsRequest& request);
  Decision<kafka::IncrementalAlterConfigsResponse> incremental_alter_configs(
      const kafka::IncrementalAlterConfigsRequest& request) const;
  Decision<kafka::AlterConfigsResponse> alter_configs(const kafka::AlterConfigsRequest& request) const;
  Decision<kafka::AllocateProducerIdsResponse> allocate_producer_ids(
      const kafka::AllocateProducerIdsRequest& request) const;
  Decision<kafka::ListPartitionReassignmentsResponse> list_partition_reassignments(
      const kafka::ListPartitionReassignmentsRequest& request) const;
  Decision<kafka::AlterPartitionResponse> alter_partition(const kafka::AlterPartitionRequest& request) const;
  Decision<kafka::AlterPartitionReassignmentsResponse> alter_partition_reassignments(
      const kafka::AlterPartitionReassignmentsRequest& request) const;
  Decision<kafka::ElectLeadersResponse> elect_leaders(const kafka::ElectLeadersRequest& request) const;
  Decision<kafka::AssignReplicasToDirsResponse> assign_replicas_to_dirs(
      const kafka::AssignReplicasToDirsRequest& request) const;
  Decision<kafka::UnregisterBrokerResponse> unregister_broker(const kafka::UnregisterBrokerRequest& request);
  Decision<kafka::UpdateFeaturesResponse> update_features(const kafka::UpdateFeaturesRequest& request) const;

  // Lets `holder` stop the broker, or says why not now.
  StopReservation::Answer reserve_stop(kafka::NodeId broker, std::string holder, base::MonoTime now);
  bool release_stop(kafka::NodeId broker) { return stop_reservation_.release(broker); }
  // The process that registered with this epoch has ended, as somebody knows who started it.
  DeadBroker fence_dead(kafka::NodeId broker, kafka::BrokerEpoch epoch, base::MonoTime now);

  // --- What is seen of brokers' processes, also while another node is active ------------------------------
  FastFence& fast_fence() { return fast_fence_; }

  // One piece of what time asks for (a silent broker is fenced, leaderships are balanced, leaderless
  // partitions are elected uncleanly where that is allowed); empty when nothing is due. Call again after its
  // records are replayed, and at next_deadline().
  DueWork due_work(base::MonoTime now);
  base::MonoTime next_deadline() const;

 private:
  // What the configs of a topic say about elections.
  struct TopicRules {
    std::int32_t min_isr = 1;
    bool is_unclean_allowed = false;
  };
  using Concerns = std::function<bool(const Partition&)>;

  const BrokerConfigView& configs() const { return options_.configs ? *options_.configs : default_configs_; }
  bool is_elr_enabled() const;
  TopicRules rules_of(const std::string& topic) const;
  bool is_active(std::int32_t broker) const;
  // Whether the directory of the replica is online, as far as its broker has said.
  bool may_host_leader(std::int32_t broker, const Partition& partition) const;
  base::Uuid default_directory(std::int32_t broker) const;
  PartitionChange start_change(const Topic& topic, const TopicRules& rules, std::int32_t index,
                               const Partition& partition, const Movement& movement = {}) const;
  // Adds what the movement makes of every partition that it concerns.
  void move(const Movement& movement, const Concerns& concerns, Records& records) const;

  Refused check_registration(const kafka::BrokerRegistrationRequest& request, base::MonoTime now) const;
  Refused check_directories(const kafka::BrokerRegistrationRequest& request) const;
  Refused check_broker_features(const kafka::BrokerRegistrationRequest& request) const;
  Refused check_broker_epoch(std::int32_t broker, std::int64_t epoch) const;
  void fence(const BrokerRegistration& broker, Records& records) const;
  void unfence(const BrokerRegistration& broker, Records& records) const;
  void note_directories(const BrokerRegistration& broker, const kafka::BrokerHeartbeatRequest& request,
                        Records& records) const;
  bool has_leaderships(kafka::NodeId broker) const;
  DueWork fence_silent_broker(base::MonoTime now);
  DueWork fence_proved(base::MonoTime now);
  bool may_replace(const BrokerRegistration& existing, const kafka::BrokerRegistrationRequest& request,
                   base::MonoTime now) const;
  // `since`: as in Failover.
  void fence_lost(const BrokerRegistration& broker, base::MonoTime since, DueWork& work);
  std::optional<std::string> why_not_spared(kafka::NodeId broker) const;
  bool is_whole_cluster_stopping() const;
  bool must_wait_to_stop(const BrokerRegistration& broker, base::MonoTime now);
  bool must_stop_last(kafka::NodeId broker, base::MonoTime now) const;
  Records balance_leaders() const;
  Records elect_uncleanly() const;
  Refused elect_leader(const std::string& topic_name, std::int32_t index, bool is_unclean,
                       Records& records) const;

  Refused reassign(const std::string& topic_name,
                   const kafka::AlterPartitionReassignmentsRequest::ReassignablePartition& target,
                   bool may_change_factor, Records& records) const;
  Refused cancel_reassignment(const Topic& topic, std::int32_t index, Records& records) const;
  kafka::ErrorCode assign_replica(std::int32_t broker, const base::Uuid& directory,
                                  const base::Uuid& topic_id, std::int32_t index, Records& records) const;
  Refused update_feature(const kafka::UpdateFeaturesRequest::FeatureUpdateKey& update,
                         Records& records) const;
  void make_safe_for_elr(Records& records) const;

  Refused create_topic(const kafka::CreateTopicsRequest::CreatableTopic& topic,
                       kafka::CreateTopicsResponse::CreatableTopicResult& result, Records& records,
                       std::size_t& records_total);
  Refused check_new_name(const std::string& name, const std::set<std::string>& taken) const;
  Refused place_new_topic(const kafka::CreateTopicsRequest::CreatableTopic& topic,
                          std::vector<std::vector<std::int32_t>>& placement);
  // Named once each, and registered.
  Refused check_registered(const std::vector<std::int32_t>& brokers) const;
  Refused check_assignment(std::int32_t partition, const std::vector<std::int32_t>& brokers,
                           std::size_t replicas_expected) const;
  Refused place(std::int32_t partitions, std::int16_t replicas,
                std::vector<std::vector<std::int32_t>>& placement);
  Refused partition_record(const base::Uuid& topic, std::int32_t index,
                           const std::vector<std::int32_t>& replicas, Records& records) const;
  Refused add_partitions(const kafka::CreatePartitionsRequest::CreatePartitionsTopic& request,
                         Records& records, std::size_t records_total);
  Refused check_resource(const Resource& resource) const;
  Refused check_configs(const Resource& resource, const Configs& configs,
                        const std::set<std::string>& touched) const;
  template <typename Response, typename Request, typename Collect>
  Decision<Response> alter_each(const Request& request, Collect collect) const;
  Refused check_min_isr_change(const Resource& resource, bool is_removal) const;
  // ELRs were counted by the old min.insync.replicas.
  void clear_elr(const Resource& resource, Records& records) const;
  Refused change_configs(const Resource& resource, const Configs& to, const std::set<std::string>& touched,
                         Records& records) const;

  const ControllerOptions options_;
  const BrokerConfigView default_configs_;
  base::Random& random_;
  std::optional<ImageBuilder> builder_;
  BrokerHeartbeats heartbeats_;
  StopReservation stop_reservation_;
  FastFence fast_fence_;
  base::MonoTime next_balance_ = base::MonoTime::max();
  base::MonoTime next_unclean_election_ = base::MonoTime::max();
};

}  // namespace penstock::metadata
