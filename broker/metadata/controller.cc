#include "broker/metadata/controller.h"

#include <algorithm>

#include <fmt/format.h>

#include "broker/metadata/features.h"
#include "broker/metadata/min_isr.h"
#include "broker/metadata/registration_fields.h"

namespace penstock::metadata {

using kafka::ErrorCode;
using kafka::to_wire;

Controller::Controller(ControllerOptions options, base::Random& random)
    : options_(std::move(options)),
      default_configs_(options_.self, {}, {}),
      random_(random),
      heartbeats_(options_.session_timeout),
      fast_fence_(options_.session_timeout) {}

void Controller::activate(const ImageBuilder& committed, base::MonoTime now) {
  builder_.emplace(committed);
  heartbeats_.reset(committed.image(), now);
  stop_reservation_.clear();
  fast_fence_.forget_decisions();
  next_balance_ = base::MonoTime::max();
  if (options_.leader_balance_interval) next_balance_ = now + *options_.leader_balance_interval;
  next_unclean_election_ = now + options_.unclean_election_interval;
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
    ImageBuilder begun;
    for (const Record& record : bootstrap) {
      if (const auto replayed = begun.replay(record); !replayed) break;
    }
    // With the ELR on, min.insync.replicas must be the same for all brokers: it comes from the cluster.
    if (begun.image().feature_level(kElrVersion) > 0) {
      records.push_back(cluster_min_isr_record(configs().topic_value(begun.image(), "", kMinIsr)));
    }
    records.emplace_back(kafka::EndTransactionRecord{});
  }
  return records;
}

base::MonoTime Controller::next_deadline() const {
  return std::min(
      {heartbeats_.next_deadline(), fast_fence_.next_deadline(), next_balance_, next_unclean_election_});
}

DueWork Controller::due_work(base::MonoTime now) {
  if (DueWork work = fence_proved(now); !work.records.empty()) return work;
  if (DueWork work = fence_silent_broker(now); !work.records.empty()) return work;
  // A full round may have left some: then the next one follows at once.
  if (now >= next_balance_) {
    Records records = balance_leaders();
    if (records.size() < kElectionsPerRound) next_balance_ = now + *options_.leader_balance_interval;
    if (!records.empty()) {
      const auto moved = records.size();
      return {std::move(records), fmt::format("{} leaderships go back to their preferred replicas", moved)};
    }
  }
  if (now >= next_unclean_election_) {
    Records records = elect_uncleanly();
    if (records.size() < kElectionsPerRound)
      next_unclean_election_ = now + options_.unclean_election_interval;
    if (!records.empty()) {
      const auto elected = records.size();
      return {std::move(records), fmt::format("{} leaderless partitions get an unclean leader", elected)};
    }
  }
  return {};
}

Records Controller::register_controller(const kafka::ControllerRegistrationRequest& request) const {
  kafka::RegisterControllerRecord record;
  record.controller_id = request.controller_id;
  record.incarnation_id = request.incarnation_id;
  record.zk_migration_ready = request.zk_migration_ready;
  record.end_points = copy_endpoints<kafka::RegisterControllerRecord::ControllerEndpoint>(request.listeners);
  record.features = copy_features<kafka::RegisterControllerRecord::ControllerFeature>(request.features);
  return {record};
}

Decision<kafka::AllocateProducerIdsResponse> Controller::allocate_producer_ids(
    const kafka::AllocateProducerIdsRequest& request) const {
  Decision<kafka::AllocateProducerIdsResponse> decision;
  if (const Refused refused = check_broker_epoch(request.broker_id, request.broker_epoch)) {
    decision.response.error_code = to_wire(refused.code);
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

}  // namespace penstock::metadata
