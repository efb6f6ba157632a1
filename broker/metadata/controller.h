// The controller's core: it decides what the metadata log says next.
//
// decide(state, request) gives records and the answer to send once they are committed; replay(record) is the
// only thing that changes the replicated state. What it knows besides (who sent heartbeats when) is lost with
// the leadership and learned again.
//
// Threads: the control reactor.
// ERRORS: in the responses, with Kafka's codes and words.
// Source: KIP-631, KIP-841 (controlled shutdown), KIP-858 (directories), KIP-903 (broker epochs in the ISR).
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
#include "broker/metadata/image_builder.h"
#include "broker/metadata/records.h"
#include "kafka/error_codes.h"
#include "kafka/messages/allocate_producer_ids_request.h"
#include "kafka/messages/allocate_producer_ids_response.h"
#include "kafka/messages/alter_configs_request.h"
#include "kafka/messages/alter_configs_response.h"
#include "kafka/messages/alter_partition_request.h"
#include "kafka/messages/alter_partition_response.h"
#include "kafka/messages/broker_heartbeat_request.h"
#include "kafka/messages/broker_heartbeat_response.h"
#include "kafka/messages/broker_registration_request.h"
#include "kafka/messages/broker_registration_response.h"
#include "kafka/messages/controller_registration_request.h"
#include "kafka/messages/create_partitions_request.h"
#include "kafka/messages/create_partitions_response.h"
#include "kafka/messages/create_topics_request.h"
#include "kafka/messages/create_topics_response.h"
#include "kafka/messages/delete_topics_request.h"
#include "kafka/messages/delete_topics_response.h"
#include "kafka/messages/incremental_alter_configs_request.h"
#include "kafka/messages/incremental_alter_configs_response.h"
#include "kafka/messages/list_partition_reassignments_request.h"
#include "kafka/messages/list_partition_reassignments_response.h"
#include "kafka/messages/update_features_request.h"
#include "kafka/messages/update_features_response.h"

namespace penstock::metadata {

// No operation writes more than this: the batch must fit into every replica's fetch.
inline constexpr std::size_t kRecordsPerOperationMax = 10'000;
inline constexpr std::int32_t kProducerIdBlock = 1000;

struct ControllerOptions {
  kafka::NodeId self{};
  std::string cluster_id;
  base::Duration session_timeout = base::seconds(9);
  std::int32_t default_partitions = 1;
  std::int16_t default_replication_factor = 1;
  bool is_topic_deletion_enabled = true;
  const BrokerConfigView* configs = nullptr;  // For CreateTopics' answer; outlives the controller.
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
};

// An error code with the text that goes with it.
struct Refused {
  kafka::ErrorCode code = kafka::ErrorCode::kNone;
  std::string message;
  explicit operator bool() const { return code != kafka::ErrorCode::kNone; }
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
  Decision<kafka::UpdateFeaturesResponse> update_features(const kafka::UpdateFeaturesRequest& request) const;

  // Fences one broker that was silent for too long; empty when there is none. Call at next_deadline().
  Records fence_silent_broker(base::MonoTime now);
  base::MonoTime next_deadline() const { return heartbeats_.next_deadline(); }

 private:
  using PartitionRecords = std::vector<kafka::PartitionRecord>;

  Refused check_registration(const kafka::BrokerRegistrationRequest& request, base::MonoTime now) const;
  // A broker goes out of service: it leaves the ISRs and leads nothing.
  void take_out_of_service(kafka::NodeId broker, Records& records) const;
  void bring_into_service(kafka::NodeId broker, Records& records) const;
  bool has_leaderships(kafka::NodeId broker) const;
  bool is_unclean_election_enabled(const std::string& topic) const;
  // Adds a PartitionChangeRecord when what `acceptable` says changes ISR or leader.
  void elect(const Topic& topic, std::int32_t index, std::optional<kafka::NodeId> leaving,
             const std::function<bool(std::int32_t)>& is_acceptable, Records& records) const;

  Refused create_topic(const kafka::CreateTopicsRequest::CreatableTopic& topic,
                       kafka::CreateTopicsResponse::CreatableTopicResult& result, Records& records,
                       std::size_t& records_total);
  Refused check_new_name(const std::string& name, const std::set<std::string>& taken) const;
  Refused place_new_topic(const kafka::CreateTopicsRequest::CreatableTopic& topic,
                          std::vector<std::vector<std::int32_t>>& placement);
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
  Refused change_configs(const Resource& resource, const Configs& to, const std::set<std::string>& touched,
                         Records& records) const;

  const ControllerOptions options_;
  base::Random& random_;
  std::optional<ImageBuilder> builder_;
  BrokerHeartbeats heartbeats_;
};

}  // namespace penstock::metadata
