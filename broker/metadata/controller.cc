#include "broker/metadata/controller.h"

#include <algorithm>

#include <fmt/format.h>

#include "broker/metadata/features.h"

namespace penstock::metadata {

using kafka::ErrorCode;
using kafka::to_wire;

Controller::Controller(ControllerOptions options, base::Random& random)
    : options_(std::move(options)), random_(random), heartbeats_(options_.session_timeout) {}

void Controller::activate(const ImageBuilder& committed, base::MonoTime now) {
  builder_.emplace(committed);
  heartbeats_.reset(committed.image(), now);
}

void Controller::deactivate() { builder_.reset(); }

ImageUpdate Controller::publish(kafka::Offset offset, kafka::LeaderEpoch epoch) {
  builder_->set_position(offset, epoch);
  return builder_->publish();
}

Records Controller::activation_records(const Records& bootstrap) const {
  Records records;
  if (builder_->is_in_transaction()) {
    kafka::AbortTransactionRecord abort;
    abort.reason = "controller failover";
    records.emplace_back(std::move(abort));
  }
  if (image().feature_level(kMetadataVersion) == 0) {
    kafka::BeginTransactionRecord begin;
    begin.name = "Bootstrap records";
    records.emplace_back(std::move(begin));
    records.insert(records.end(), bootstrap.begin(), bootstrap.end());
    records.emplace_back(kafka::EndTransactionRecord{});
  }
  return records;
}

Records Controller::register_controller(const kafka::ControllerRegistrationRequest& request) const {
  kafka::RegisterControllerRecord record;
  record.controller_id = request.controller_id;
  record.incarnation_id = request.incarnation_id;
  record.zk_migration_ready = request.zk_migration_ready;
  for (const auto& listener : request.listeners) {
    kafka::RegisterControllerRecord::ControllerEndpoint endpoint;
    endpoint.name = listener.name;
    endpoint.host = listener.host;
    endpoint.port = listener.port;
    endpoint.security_protocol = listener.security_protocol;
    record.end_points.push_back(std::move(endpoint));
  }
  for (const auto& feature : request.features) {
    kafka::RegisterControllerRecord::ControllerFeature range;
    range.name = feature.name;
    range.min_supported_version = feature.min_supported_version;
    range.max_supported_version = feature.max_supported_version;
    record.features.push_back(std::move(range));
  }
  return {record};
}

Decision<kafka::AllocateProducerIdsResponse> Controller::allocate_producer_ids(
    const kafka::AllocateProducerIdsRequest& request) const {
  Decision<kafka::AllocateProducerIdsResponse> decision;
  const auto* broker = image().broker(kafka::NodeId(request.broker_id));
  if (broker == nullptr) {
    decision.response.error_code = to_wire(ErrorCode::kBrokerIdNotRegistered);
    return decision;
  }
  if (broker->epoch != kafka::BrokerEpoch(request.broker_epoch)) {
    decision.response.error_code = to_wire(ErrorCode::kStaleBrokerEpoch);
    return decision;
  }
  const std::int64_t start = image().next_producer_id();
  if (start > INT64_MAX - kProducerIdBlock) {
    decision.response.error_code = to_wire(ErrorCode::kUnknownServerError);
    return decision;
  }
  kafka::ProducerIdsRecord record;
  record.broker_id = request.broker_id;
  record.broker_epoch = request.broker_epoch;
  record.next_producer_id = start + kProducerIdBlock;
  decision.records.emplace_back(record);
  decision.response.producer_id_start = start;
  decision.response.producer_id_len = kProducerIdBlock;
  return decision;
}

Decision<kafka::ListPartitionReassignmentsResponse> Controller::list_partition_reassignments(
    const kafka::ListPartitionReassignmentsRequest& request) const {
  Decision<kafka::ListPartitionReassignmentsResponse> decision;
  const auto add = [&](const Topic& topic, const std::vector<std::int32_t>* wanted) {
    kafka::ListPartitionReassignmentsResponse::OngoingTopicReassignment ongoing;
    ongoing.name = topic.name;
    for (std::int32_t i = 0; i < topic.partition_count(); ++i) {
      const Partition* partition = topic.partition(kafka::PartitionId(i));
      if (partition == nullptr || !partition->is_being_reassigned()) continue;
      if (wanted != nullptr && std::ranges::find(*wanted, i) == wanted->end()) continue;
      kafka::ListPartitionReassignmentsResponse::OngoingPartitionReassignment entry;
      entry.partition_index = i;
      entry.replicas = partition->replicas;
      entry.adding_replicas = partition->adding_replicas;
      entry.removing_replicas = partition->removing_replicas;
      ongoing.partitions.push_back(std::move(entry));
    }
    if (!ongoing.partitions.empty()) decision.response.topics.push_back(std::move(ongoing));
  };
  if (request.topics) {
    for (const auto& wanted : *request.topics) {
      if (const auto topic = image().topic(wanted.name)) add(*topic, &wanted.partition_indexes);
    }
  } else {
    for (const auto& topic : image().topics()) add(*topic, nullptr);
  }
  return decision;
}

Decision<kafka::UpdateFeaturesResponse> Controller::update_features(
    const kafka::UpdateFeaturesRequest& request) const {
  Decision<kafka::UpdateFeaturesResponse> decision;
  std::string first_error;
  for (const auto& update : request.feature_updates) {
    kafka::UpdateFeaturesResponse::UpdatableFeatureResult result;
    result.feature = update.feature;
    const auto checked = check_feature(update.feature, update.max_version_level);
    if (!is_known_feature(update.feature) || !checked) {
      result.error_code = to_wire(ErrorCode::kInvalidUpdateVersion);
      result.error_message = fmt::format(
          "Invalid update version {} for feature {}. {}", update.max_version_level, update.feature,
          checked ? "The controller does not support the given feature."
                  : "Local controller " + std::to_string(options_.self.value()) +
                        " does not support this feature level.");
      if (first_error.empty()) first_error = *result.error_message;
    }
    decision.response.results.push_back(std::move(result));
  }
  // Each feature has one level here, so an update that is right changes nothing.
  if (!first_error.empty()) {
    decision.response.error_code = to_wire(ErrorCode::kInvalidUpdateVersion);
    decision.response.error_message =
        "The update failed for all features since the following feature had an error: " + first_error;
  }
  return decision;
}

}  // namespace penstock::metadata
