// Brokers: registration, heartbeats, fencing, and the elections that follow.
#include <algorithm>

#include <fmt/format.h>

#include "broker/metadata/controller.h"
#include "broker/metadata/features.h"

namespace penstock::metadata {

using kafka::ErrorCode;
using kafka::to_wire;

namespace {

constexpr std::int8_t kFence = 1;
constexpr std::int8_t kUnfence = -1;
constexpr std::int8_t kInControlledShutdown = 1;
constexpr std::int8_t kRecovering = 1;

kafka::BrokerRegistrationChangeRecord change_of(const BrokerRegistration& broker) {
  kafka::BrokerRegistrationChangeRecord record;
  record.broker_id = broker.id.value();
  record.broker_epoch = broker.epoch.value();
  return record;
}

bool is_reserved(const base::Uuid& directory) {
  return directory.most_significant == 0 && directory.least_significant < 100;
}

}  // namespace

Refused Controller::check_registration(const kafka::BrokerRegistrationRequest& request,
                                       base::MonoTime now) const {
  const kafka::NodeId id(request.broker_id);
  if (request.cluster_id != options_.cluster_id) {
    return {ErrorCode::kInconsistentClusterId, fmt::format("Expected cluster ID {}, but got cluster ID {}",
                                                           options_.cluster_id, request.cluster_id)};
  }
  const auto* existing = image().broker(id);
  // The own process holds the lock on its directory: an earlier incarnation of it is gone for certain.
  if (existing != nullptr && existing->incarnation_id != request.incarnation_id && id != options_.self &&
      heartbeats_.has_session(id, now)) {
    return {ErrorCode::kDuplicateBrokerRegistration, "Another broker is registered with that broker id."};
  }
  if (request.is_migrating_zk_broker) {
    return {ErrorCode::kInvalidRequest, "ZooKeeper brokers cannot register."};
  }
  std::set<base::Uuid> directories;
  for (const auto& directory : request.log_dirs) {
    if (is_reserved(directory)) return {ErrorCode::kInvalidRequest, "Reserved directory ID in request"};
    if (!directories.insert(directory).second) {
      return {ErrorCode::kInvalidRequest, "Duplicate directory ID in request"};
    }
  }
  if (directories.empty()) return {ErrorCode::kInvalidRequest, "No directories specified in request"};
  for (const auto& [other_id, other] : image().brokers()) {
    if (other_id == id) continue;
    for (const auto& directory : other->directories) {
      if (directories.contains(directory)) {
        return {ErrorCode::kInvalidRequest, fmt::format("Broker {} is already registered with directory {}",
                                                        other_id, directory.to_string())};
      }
    }
  }
  for (const auto& [name, level] : image().features()) {
    const auto found =
        std::ranges::find(request.features, name, &kafka::BrokerRegistrationRequest::Feature::name);
    const bool is_in_range = found != request.features.end() && found->min_supported_version <= level &&
                             level <= found->max_supported_version;
    if (!is_in_range) {
      return {
          ErrorCode::kUnsupportedVersion,
          fmt::format("Unable to register because the broker does not support finalized version {} of {}.",
                      level, name)};
    }
  }
  return {};
}

Controller::RegisterBroker Controller::register_broker(const kafka::BrokerRegistrationRequest& request,
                                                       const At& at) {
  RegisterBroker decision;
  if (const Refused refused = check_registration(request, at.now)) {
    decision.response.error_code = to_wire(refused.code);
    return decision;
  }
  const kafka::NodeId id(request.broker_id);
  const auto* existing = image().broker(id);
  const bool is_same = existing != nullptr && existing->incarnation_id == request.incarnation_id;
  // A new incarnation of a broker in service: the partitions learn that the old one is gone.
  if (existing != nullptr && !existing->is_fenced && !is_same) take_out_of_service(id, decision.records);

  kafka::RegisterBrokerRecord record;
  record.broker_id = request.broker_id;
  record.incarnation_id = request.incarnation_id;
  record.broker_epoch = is_same ? existing->epoch.value()
                                : at.next_offset.value() + static_cast<std::int64_t>(decision.records.size());
  for (const auto& listener : request.listeners) {
    kafka::RegisterBrokerRecord::BrokerEndpoint endpoint;
    endpoint.name = listener.name;
    endpoint.host = listener.host;
    endpoint.port = listener.port;
    endpoint.security_protocol = listener.security_protocol;
    record.end_points.push_back(std::move(endpoint));
  }
  for (const auto& feature : request.features) {
    kafka::RegisterBrokerRecord::BrokerFeature range;
    range.name = feature.name;
    range.min_supported_version = feature.min_supported_version;
    range.max_supported_version = feature.max_supported_version;
    record.features.push_back(std::move(range));
  }
  record.rack = request.rack;
  record.fenced = is_same ? existing->is_fenced : true;
  record.in_controlled_shutdown = is_same && existing->in_controlled_shutdown;
  record.log_dirs = request.log_dirs;
  heartbeats_.touch(id, record.fenced, kafka::kNoOffset, at.now);
  decision.response.broker_epoch = record.broker_epoch;
  decision.records.emplace_back(std::move(record));
  return decision;
}

Decision<kafka::BrokerHeartbeatResponse> Controller::broker_heartbeat(
    const kafka::BrokerHeartbeatRequest& request, const At& at) {
  Decision<kafka::BrokerHeartbeatResponse> decision;
  auto& response = decision.response;
  const kafka::NodeId id(request.broker_id);
  const auto* broker = image().broker(id);
  if (broker == nullptr || broker->epoch != kafka::BrokerEpoch(request.broker_epoch)) {
    response.error_code =
        to_wire(broker == nullptr ? ErrorCode::kBrokerIdNotRegistered : ErrorCode::kStaleBrokerEpoch);
    return decision;
  }
  // The registration's own record has the broker epoch for its offset.
  response.is_caught_up = request.current_metadata_offset >= broker->epoch.value();
  bool is_fenced = broker->is_fenced;
  auto change = change_of(*broker);
  if (broker->is_fenced) {
    response.should_shut_down = request.want_shut_down;
    if (!request.want_shut_down && !request.want_fence && response.is_caught_up) {
      change.fenced = kUnfence;
      decision.records.emplace_back(change);
      bring_into_service(id, decision.records);
      is_fenced = false;
    }
  } else if (request.want_fence ||
             (request.want_shut_down && !has_leaderships(id) && heartbeats_.is_shutdown_seen(id))) {
    response.should_shut_down = request.want_shut_down;
    change.fenced = kFence;
    decision.records.emplace_back(change);
    take_out_of_service(id, decision.records);
    is_fenced = true;
  } else if (request.want_shut_down && !broker->in_controlled_shutdown) {
    change.in_controlled_shutdown = kInControlledShutdown;
    decision.records.emplace_back(change);
    take_out_of_service(id, decision.records);
    heartbeats_.begin_shutdown(id, at.next_offset + static_cast<std::int64_t>(decision.records.size()) - 1);
  }
  response.is_fenced = is_fenced;
  heartbeats_.touch(id, is_fenced, kafka::Offset(request.current_metadata_offset), at.now);
  return decision;
}

Records Controller::fence_silent_broker(base::MonoTime now) {
  Records records;
  const auto silent = heartbeats_.find_silent(now);
  if (!silent) return records;
  const auto* broker = image().broker(*silent);
  heartbeats_.forget(*silent);
  if (broker == nullptr || broker->is_fenced) return records;
  auto change = change_of(*broker);
  change.fenced = kFence;
  records.emplace_back(change);
  take_out_of_service(*silent, records);
  return records;
}

bool Controller::has_leaderships(kafka::NodeId broker) const {
  for (const auto& topic : image().topics()) {
    for (const auto& partition : topic->partitions) {
      if (partition && partition->leader == broker.value()) return true;
    }
  }
  return false;
}

bool Controller::is_unclean_election_enabled(const std::string& topic) const {
  if (options_.configs == nullptr) return false;
  const auto properties = options_.configs->topic_properties(image(), topic);
  const auto found = properties.find("unclean.leader.election.enable");
  return found != properties.end() && found->second == "true";
}

void Controller::elect(const Topic& topic, std::int32_t index, std::optional<kafka::NodeId> leaving,
                       const std::function<bool(std::int32_t)>& is_acceptable, Records& records) const {
  const Partition& partition = *topic.partitions[static_cast<std::size_t>(index)];
  std::vector<std::int32_t> isr;
  for (const std::int32_t id : partition.isr) {
    if (!leaving || id != leaving->value()) isr.push_back(id);
  }
  if (isr.empty()) isr = partition.isr;  // The last of the ISR stays in it: only it has every acked record.
  const auto is_in_isr = [&](std::int32_t id) { return std::ranges::find(isr, id) != isr.end(); };
  std::int32_t leader = partition.leader;
  bool is_unclean = false;
  if (leader == kNoLeader || !is_acceptable(leader) || !is_in_isr(leader)) {
    leader = kNoLeader;
    for (const std::int32_t id : partition.replicas) {
      if (is_in_isr(id) && is_acceptable(id)) {
        leader = id;
        break;
      }
    }
    if (leader == kNoLeader && is_unclean_election_enabled(topic.name)) {
      const auto found = std::ranges::find_if(partition.replicas, is_acceptable);
      if (found != partition.replicas.end()) {
        leader = *found;
        isr = {leader};
        is_unclean = true;
      }
    }
  }
  if (leader == partition.leader && isr == partition.isr) return;
  kafka::PartitionChangeRecord record;
  record.partition_id = index;
  record.topic_id = topic.id;
  if (isr != partition.isr) record.isr = isr;
  if (leader != partition.leader) record.leader = leader;
  if (is_unclean) record.leader_recovery_state = kRecovering;
  records.emplace_back(std::move(record));
}

void Controller::take_out_of_service(kafka::NodeId broker, Records& records) const {
  const auto is_acceptable = [&](std::int32_t id) {
    const auto* candidate = image().broker(kafka::NodeId(id));
    return id != broker.value() && candidate != nullptr && candidate->is_active();
  };
  for (const auto& topic : image().topics()) {
    for (std::int32_t i = 0; i < topic->partition_count(); ++i) {
      const Partition* partition = topic->partition(kafka::PartitionId(i));
      if (partition != nullptr && (partition->is_in_isr(broker) || partition->leader == broker.value())) {
        elect(*topic, i, broker, is_acceptable, records);
      }
    }
  }
}

void Controller::bring_into_service(kafka::NodeId broker, Records& records) const {
  const auto is_acceptable = [&](std::int32_t id) {
    const auto* candidate = image().broker(kafka::NodeId(id));
    return id == broker.value() || (candidate != nullptr && candidate->is_active());
  };
  for (const auto& topic : image().topics()) {
    for (std::int32_t i = 0; i < topic->partition_count(); ++i) {
      const Partition* partition = topic->partition(kafka::PartitionId(i));
      if (partition != nullptr && partition->leader == kNoLeader && partition->has_replica(broker)) {
        elect(*topic, i, std::nullopt, is_acceptable, records);
      }
    }
  }
}

}  // namespace penstock::metadata
