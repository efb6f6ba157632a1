// Who leads: what follows from brokers that come and go, ElectLeaders, balancing, unclean elections.
#include <algorithm>

#include <fmt/format.h>

#include "broker/metadata/controller.h"
#include "broker/metadata/features.h"
#include "broker/metadata/min_isr.h"

namespace penstock::metadata {

using kafka::ErrorCode;
using kafka::to_wire;

namespace {

// Of ElectLeaders.
constexpr std::int8_t kPreferredElection = 0;
constexpr std::int8_t kUncleanElectionType = 1;

bool is_preferred_leader(const Partition& partition) {
  return !partition.replicas.empty() && partition.leader == partition.replicas.front();
}

}  // namespace

bool Controller::is_elr_enabled() const { return image().feature_level(kElrVersion) > 0; }

bool Controller::is_active(std::int32_t broker) const {
  const auto* registration = image().broker(kafka::NodeId(broker));
  return registration != nullptr && registration->is_active();
}

Controller::TopicRules Controller::rules_of(const std::string& topic) const {
  TopicRules rules;
  rules.min_isr = min_isr_of(configs(), image(), topic);
  rules.is_unclean_allowed = configs().topic_value(image(), topic, kUncleanElection) == "true";
  return rules;
}

bool Controller::may_host_leader(std::int32_t broker, const Partition& partition) const {
  const auto* registration = image().broker(kafka::NodeId(broker));
  if (registration == nullptr) return false;
  const base::Uuid directory = partition.directory_of(kafka::NodeId(broker));
  if (directory == kUnassigned || directory == kMigrating) return true;
  if (directory == kLost) return false;
  const auto& online = registration->directories;
  return online.empty() || std::ranges::find(online, directory) != online.end();
}

base::Uuid Controller::default_directory(std::int32_t broker) const {
  const auto* registration = image().broker(kafka::NodeId(broker));
  // With one directory it is clear where the replica goes; with several the broker chooses and tells.
  const bool has_one = registration != nullptr && registration->directories.size() == 1;
  return has_one ? registration->directories.front() : kUnassigned;
}

PartitionChange Controller::start_change(const Topic& topic, const TopicRules& rules, std::int32_t index,
                                         const Partition& partition, const Movement& movement) const {
  PartitionChange change(topic.id, index, partition);
  change.is_elr_enabled = is_elr_enabled();
  change.min_isr = rules.min_isr;
  if (rules.is_unclean_allowed) change.election = Election::kUnclean;
  change.lossy_broker = movement.lossy;
  std::erase_if(change.isr, [&](std::int32_t id) { return id == movement.leaving || id == movement.lossy; });
  change.may_lead = [this, movement, &partition](std::int32_t id) {
    if (id == movement.leaving || id == movement.lossy) return false;
    return (id == movement.arriving || is_active(id)) && may_host_leader(id, partition);
  };
  return change;
}

void Controller::move(const Movement& movement, const Concerns& concerns, Records& records) const {
  for (const auto& topic : image().topics()) {
    std::optional<TopicRules> rules;
    for (std::int32_t i = 0; i < topic->partition_count(); ++i) {
      const Partition* partition = topic->partition(kafka::PartitionId(i));
      if (partition == nullptr || !concerns(*partition)) continue;
      if (!rules) rules = rules_of(topic->name);
      auto record = build_change(start_change(*topic, *rules, i, *partition, movement));
      if (record) records.emplace_back(std::move(*record));
    }
  }
}

bool Controller::has_leaderships(kafka::NodeId broker) const {
  for (const auto& topic : image().topics()) {
    for (const auto& partition : topic->partitions) {
      if (partition && partition->leader == broker.value()) return true;
    }
  }
  return false;
}

Decision<kafka::ElectLeadersResponse> Controller::elect_leaders(
    const kafka::ElectLeadersRequest& request) const {
  Decision<kafka::ElectLeadersResponse> decision;
  if (request.election_type != kPreferredElection && request.election_type != kUncleanElectionType) {
    decision.response.error_code = to_wire(ErrorCode::kInvalidRequest);
    return decision;
  }
  const bool is_unclean = request.election_type == kUncleanElectionType;
  std::set<std::pair<std::string, std::int32_t>> elected;
  const auto elect = [&](kafka::ElectLeadersResponse::ReplicaElectionResult& results, std::int32_t index,
                         bool shows_needless) {
    Refused refused{ErrorCode::kElectionNotNeeded, std::string(error_message(ErrorCode::kElectionNotNeeded))};
    if (elected.emplace(results.topic, index).second) {
      refused = elect_leader(results.topic, index, is_unclean, decision.records);
    }
    if (refused.code == ErrorCode::kElectionNotNeeded && !shows_needless) return;
    kafka::ElectLeadersResponse::PartitionResult result;
    result.partition_id = index;
    result.error_code = to_wire(refused.code);
    result.error_message.reset();
    if (refused) result.error_message = refused.message;
    results.partition_result.push_back(std::move(result));
  };
  if (request.topic_partitions) {
    for (const auto& asked : *request.topic_partitions) {
      auto& results = decision.response.replica_election_results.emplace_back();
      results.topic = asked.topic;
      for (const std::int32_t index : asked.partitions) elect(results, index, true);
    }
  } else {
    for (const auto& topic : image().topics()) {
      auto& results = decision.response.replica_election_results.emplace_back();
      results.topic = topic->name;
      for (std::int32_t i = 0; i < topic->partition_count(); ++i) elect(results, i, false);
    }
  }
  if (decision.records.size() > kRecordsPerOperationMax) {
    decision = {};
    decision.response.error_code = to_wire(ErrorCode::kPolicyViolation);
  }
  return decision;
}

Refused Controller::elect_leader(const std::string& topic_name, std::int32_t index, bool is_unclean,
                                 Records& records) const {
  const auto refuse = [](ErrorCode code) { return Refused{code, std::string(kafka::error_message(code))}; };
  const auto topic = image().topic(topic_name);
  if (!topic) return {ErrorCode::kUnknownTopicOrPartition, "No such topic as " + topic_name};
  const Partition* partition = topic->partition(kafka::PartitionId(index));
  if (partition == nullptr) {
    return {ErrorCode::kUnknownTopicOrPartition,
            fmt::format("No such partition as {}-{}", topic_name, index)};
  }
  const bool is_needless = is_unclean ? partition->leader != kNoLeader : is_preferred_leader(*partition);
  if (is_needless) return refuse(ErrorCode::kElectionNotNeeded);
  auto change = start_change(*topic, rules_of(topic_name), index, *partition);
  change.election = is_unclean ? Election::kUnclean : Election::kPreferred;
  auto record = build_change(std::move(change));
  if (!record) {
    return refuse(is_unclean ? ErrorCode::kEligibleLeadersNotAvailable
                             : ErrorCode::kPreferredLeaderNotAvailable);
  }
  records.emplace_back(std::move(*record));
  return {};
}

Records Controller::balance_leaders() const {
  Records records;
  for (const auto& topic : image().topics()) {
    for (std::int32_t i = 0; i < topic->partition_count() && records.size() < kElectionsPerRound; ++i) {
      const Partition* partition = topic->partition(kafka::PartitionId(i));
      if (partition == nullptr || is_preferred_leader(*partition)) continue;
      (void)elect_leader(topic->name, i, false, records);  // Who cannot lead now may at the next round.
    }
  }
  return records;
}

Records Controller::elect_uncleanly() const {
  Records records;
  for (const auto& topic : image().topics()) {
    for (std::int32_t i = 0; i < topic->partition_count() && records.size() < kElectionsPerRound; ++i) {
      const Partition* partition = topic->partition(kafka::PartitionId(i));
      if (partition == nullptr || partition->leader != kNoLeader) continue;
      if (!rules_of(topic->name).is_unclean_allowed) break;
      (void)elect_leader(topic->name, i, true, records);  // Nobody is alive: the next round looks again.
    }
  }
  return records;
}

}  // namespace penstock::metadata
