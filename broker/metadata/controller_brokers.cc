// Brokers: registration, heartbeats, fencing, unregistration.
#include <algorithm>

#include <fmt/format.h>

#include "broker/metadata/controller.h"
#include "broker/metadata/features.h"
#include "broker/metadata/registration_fields.h"

namespace penstock::metadata {

using kafka::ErrorCode;
using kafka::to_wire;

namespace {

constexpr std::int8_t kFence = 1;
constexpr std::int8_t kUnfence = -1;
constexpr std::int8_t kInControlledShutdown = 1;
// How long a broker that stops waits for a commit.
constexpr base::Duration kLateStop = base::seconds(1);
constexpr base::Duration kLateWhereAllStop = base::milliseconds(500);

kafka::BrokerRegistrationChangeRecord change_of(const BrokerRegistration& broker) {
  kafka::BrokerRegistrationChangeRecord record;
  record.broker_id = broker.id.value();
  record.broker_epoch = broker.epoch.value();
  return record;
}

bool is_reserved(const base::Uuid& directory) {
  return directory.most_significant == 0 && directory.least_significant < 100;
}

bool is_in_isr_or_elr(const Partition& partition, std::int32_t broker) {
  return partition.is_in_isr(kafka::NodeId(broker)) ||
         std::ranges::find(partition.elr, broker) != partition.elr.end();
}

// A broker that stops is not held up by a quorum that has lost its majority. Where all stop it goes with what
// is on its disk, as one that found no controller; otherwise it asks again, or somebody else.
Decision<kafka::BrokerHeartbeatResponse>::Late late_answer(kafka::BrokerHeartbeatResponse response,
                                                           bool is_one_of_all) {
  if (is_one_of_all) return {kLateWhereAllStop, std::move(response)};
  response = {};
  response.error_code = to_wire(ErrorCode::kRequestTimedOut);
  return {kLateStop, std::move(response)};
}

}  // namespace

Refused Controller::check_broker_epoch(std::int32_t id, std::int64_t epoch) const {
  const auto* broker = image().broker(kafka::NodeId(id));
  if (broker == nullptr) {
    return {ErrorCode::kStaleBrokerEpoch, fmt::format("No broker registration found for broker id {}", id)};
  }
  if (broker->epoch != kafka::BrokerEpoch(epoch)) {
    return {ErrorCode::kStaleBrokerEpoch,
            fmt::format("Expected broker epoch {}, but got broker epoch {}", broker->epoch, epoch)};
  }
  return {};
}

Refused Controller::check_registration(const kafka::BrokerRegistrationRequest& request,
                                       base::MonoTime now) const {
  const kafka::NodeId id(request.broker_id);
  if (request.cluster_id != options_.cluster_id) {
    return {ErrorCode::kInconsistentClusterId, fmt::format("Expected cluster ID {}, but got cluster ID {}",
                                                           options_.cluster_id, request.cluster_id)};
  }
  const auto* existing = image().broker(id);
  if (existing != nullptr && existing->incarnation_id != request.incarnation_id &&
      !may_replace(*existing, request, now)) {
    return {ErrorCode::kDuplicateBrokerRegistration, "Another broker is registered with that broker id."};
  }
  if (request.is_migrating_zk_broker) {
    return {ErrorCode::kBrokerIdNotRegistered, "Controller does not support registering ZK brokers."};
  }
  if (auto refused = check_directories(request)) return refused;
  return check_broker_features(request);
}

bool Controller::may_replace(const BrokerRegistration& existing,
                             const kafka::BrokerRegistrationRequest& request, base::MonoTime now) const {
  if (!heartbeats_.has_session(existing.id, now)) return true;
  // The own process holds the lock on its directory: an earlier incarnation of it is gone for certain.
  if (existing.id == options_.self || fast_fence_.is_dead(existing.id, existing.epoch)) return true;
  // So does any other; but directories can be copied, so that counts only against an incarnation that this
  // controller has never heard of.
  const auto as_set = [](const auto& list) { return std::set<base::Uuid>(list.begin(), list.end()); };
  return !heartbeats_.was_heard(existing.id) && as_set(existing.directories) == as_set(request.log_dirs);
}

Refused Controller::check_directories(const kafka::BrokerRegistrationRequest& request) const {
  const auto refuse = [](std::string message) {
    return Refused{ErrorCode::kInvalidRegistration, std::move(message)};
  };
  if (request.log_dirs.empty()) return refuse("No directories specified in request");
  std::set<base::Uuid> directories;
  for (const auto& directory : request.log_dirs) {
    if (is_reserved(directory)) return refuse("Reserved directory ID in request");
    if (!directories.insert(directory).second) return refuse("Duplicate directory ID in request");
  }
  for (const auto& [id, broker] : image().brokers()) {
    if (id.value() == request.broker_id) continue;
    for (const auto& directory : broker->directories) {
      if (!directories.contains(directory)) continue;
      return refuse(
          fmt::format("Broker {} is already registered with directory {}", id, directory.to_string()));
    }
  }
  return {};
}

Refused Controller::check_broker_features(const kafka::BrokerRegistrationRequest& request) const {
  const auto unsupported = [](std::string_view name, std::int16_t level) {
    return Refused{ErrorCode::kUnsupportedVersion,
                   fmt::format("Unable to register because the broker does not support finalized version {} "
                               "of {}.",
                               level, name)};
  };
  std::set<std::string_view> named;
  for (const auto& range : request.features) {
    named.insert(range.name);
    // The level of kraft.version is in the quorum's control records; whoever fetches can read them.
    if (range.name == kKraftVersionFeature) continue;
    const std::int16_t level = image().feature_level(range.name);
    if (level < range.min_supported_version || level > range.max_supported_version) {
      return unsupported(range.name, level);
    }
  }
  if (!named.contains(kMetadataVersion)) {
    return {ErrorCode::kInvalidRegistration, "Request features do not contain 'metadata.version'"};
  }
  for (const auto& [name, level] : image().features()) {
    if (level != 0 && !named.contains(name)) return unsupported(name, level);
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
  if (!is_same) {
    // The one who names the epoch of its last registration has stopped cleanly: its logs are whole.
    const bool is_clean = existing != nullptr && existing->epoch.value() == request.previous_broker_epoch;
    const auto concerns = [&](const Partition& p) { return is_in_isr_or_elr(p, request.broker_id); };
    Movement movement;
    (is_elr_enabled() && !is_clean ? movement.lossy : movement.leaving) = request.broker_id;
    move(movement, concerns, decision.records);
    heartbeats_.forget(id);  // The new one has a session from its first heartbeat on.
  }
  kafka::RegisterBrokerRecord record;
  record.broker_id = request.broker_id;
  record.incarnation_id = request.incarnation_id;
  record.broker_epoch = is_same ? existing->epoch.value()
                                : at.next_offset.value() + static_cast<std::int64_t>(decision.records.size());
  record.end_points = copy_endpoints<kafka::RegisterBrokerRecord::BrokerEndpoint>(request.listeners);
  record.features = copy_features<kafka::RegisterBrokerRecord::BrokerFeature>(request.features);
  record.rack = request.rack;
  record.fenced = is_same ? existing->is_fenced : true;
  record.in_controlled_shutdown = is_same && existing->in_controlled_shutdown;
  record.log_dirs = request.log_dirs;
  decision.response.broker_epoch = record.broker_epoch;
  decision.records.emplace_back(std::move(record));
  return decision;
}

Decision<kafka::BrokerHeartbeatResponse> Controller::broker_heartbeat(
    const kafka::BrokerHeartbeatRequest& request, const At& at) {
  Decision<kafka::BrokerHeartbeatResponse> decision;
  auto& response = decision.response;
  if (const Refused refused = check_broker_epoch(request.broker_id, request.broker_epoch)) {
    response.error_code = to_wire(refused.code);
    return decision;
  }
  const kafka::NodeId id(request.broker_id);
  const BrokerRegistration& broker = *image().broker(id);
  // The registration's own record has the broker epoch for its offset.
  response.is_caught_up = request.current_metadata_offset >= broker.epoch.value();
  bool is_fenced = broker.is_fenced;
  bool is_one_of_all = false;  // That stop: nobody is there to take its leaderships, or to see them go.
  std::optional<kafka::Offset> shutdown_offset;
  // A broker that has lost a directory leads nothing on it, so that comes first; the next heartbeat does the
  // rest.
  note_directories(broker, request, decision.records);
  if (!decision.records.empty()) {
    response.should_shut_down = is_fenced && request.want_shut_down;
    if (!is_fenced && request.want_shut_down && !broker.in_controlled_shutdown) {
      // What still follows must not come back into an ISR before that.
      auto change = change_of(broker);
      change.in_controlled_shutdown = kInControlledShutdown;
      decision.records.emplace_back(std::move(change));
    }
  } else if (is_fenced) {
    response.should_shut_down = request.want_shut_down;
    is_one_of_all = request.want_shut_down && is_whole_cluster_stopping();
    if (!request.want_shut_down && !request.want_fence && response.is_caught_up) {
      unfence(broker, decision.records);
      is_fenced = false;
    }
  } else if (request.want_shut_down && !request.want_fence && request.offline_log_dirs.empty() &&
             must_wait_to_stop(broker, at.now)) {
    // Its next heartbeat asks again.
  } else if (is_one_of_all = request.want_shut_down && is_whole_cluster_stopping();
             request.want_fence || is_one_of_all ||
             (request.want_shut_down && !has_leaderships(id) && heartbeats_.is_shutdown_seen(id))) {
    response.should_shut_down = request.want_shut_down;
    fence(broker, decision.records);
    is_fenced = true;
  } else if (request.want_shut_down && !heartbeats_.is_shutting_down(id)) {
    if (!broker.in_controlled_shutdown) {
      auto change = change_of(broker);
      change.in_controlled_shutdown = kInControlledShutdown;
      decision.records.emplace_back(change);
    }
    move(
        {.leaving = request.broker_id}, [&](const Partition& p) { return p.is_in_isr(id); },
        decision.records);
    shutdown_offset = at.next_offset + static_cast<std::int64_t>(decision.records.size()) - 1;
  }
  response.is_fenced = is_fenced;
  if (request.want_shut_down) decision.late = late_answer(response, is_one_of_all);
  if (response.should_shut_down) {
    // It goes by its own wish: its next incarnation has nobody to wait for.
    heartbeats_.forget(id);
    return decision;
  }
  heartbeats_.touch(id, is_fenced, kafka::Offset(request.current_metadata_offset), at.now);
  if (shutdown_offset) heartbeats_.begin_shutdown(id, *shutdown_offset);
  return decision;
}

void Controller::fence(const BrokerRegistration& broker, Records& records) const {
  move({.leaving = broker.id.value()}, [&](const Partition& p) { return p.is_in_isr(broker.id); }, records);
  auto change = change_of(broker);
  change.fenced = kFence;
  records.emplace_back(change);
}

void Controller::unfence(const BrokerRegistration& broker, Records& records) const {
  auto change = change_of(broker);
  change.fenced = kUnfence;
  records.emplace_back(change);
  if (broker.in_controlled_shutdown) return;  // It leads nothing until it registers again.
  move({.arriving = broker.id.value()}, [](const Partition& p) { return p.leader == kNoLeader; }, records);
}

void Controller::note_directories(const BrokerRegistration& broker,
                                  const kafka::BrokerHeartbeatRequest& request, Records& records) const {
  std::vector<base::Uuid> online;
  std::set<base::Uuid> lost;
  for (const auto& directory : broker.directories) {
    const bool is_offline =
        std::ranges::find(request.offline_log_dirs, directory) != request.offline_log_dirs.end();
    if (is_offline) {
      lost.insert(directory);
    } else {
      online.push_back(directory);
    }
  }
  if (!lost.empty()) {
    const auto concerns = [&](const Partition& p) {
      return is_in_isr_or_elr(p, request.broker_id) && lost.contains(p.directory_of(broker.id));
    };
    move({.lossy = request.broker_id}, concerns, records);
    // A change cannot say "none"; a broker that has lost all of them stops by itself.
    if (!online.empty()) {
      auto change = change_of(broker);
      change.log_dirs = std::move(online);
      records.emplace_back(std::move(change));
    }
  }
  if (!request.cordoned_log_dirs) return;
  const auto as_set = [](const auto& list) { return std::set<base::Uuid>(list.begin(), list.end()); };
  const auto& known = broker.cordoned_directories;
  if (known && as_set(*known) == as_set(*request.cordoned_log_dirs)) return;
  if (!known && request.cordoned_log_dirs->empty()) return;
  auto change = change_of(broker);
  change.cordoned_log_dirs = *request.cordoned_log_dirs;
  records.emplace_back(std::move(change));
}

DueWork Controller::fence_silent_broker(base::MonoTime now) {
  DueWork work;
  while (const auto silent = heartbeats_.find_silent(now)) {
    const base::MonoTime since = heartbeats_.heard_at(*silent);
    heartbeats_.forget(*silent);
    const auto* broker = image().broker(*silent);
    if (broker == nullptr || broker->is_fenced) continue;
    fence_lost(*broker, since, work);
    work.reason = fmt::format("broker {} was silent for too long and is fenced", *silent);
    break;
  }
  return work;
}

Decision<kafka::UnregisterBrokerResponse> Controller::unregister_broker(
    const kafka::UnregisterBrokerRequest& request) {
  Decision<kafka::UnregisterBrokerResponse> decision;
  const kafka::NodeId id(request.broker_id);
  const auto* broker = image().broker(id);
  const auto refuse = [&](ErrorCode code, std::string message) {
    decision.records.clear();
    decision.response.error_code = to_wire(code);
    decision.response.error_message = std::move(message);
    return std::move(decision);
  };
  decision.response.error_message.reset();
  if (broker == nullptr) {
    return refuse(ErrorCode::kBrokerIdNotRegistered,
                  fmt::format("Broker ID {} is not currently registered", request.broker_id));
  }
  // Should it ever come back, nobody knows what it still has.
  const auto concerns = [&](const Partition& p) { return is_in_isr_or_elr(p, request.broker_id); };
  move({.lossy = request.broker_id}, concerns, decision.records);
  kafka::UnregisterBrokerRecord record;
  record.broker_id = request.broker_id;
  record.broker_epoch = broker->epoch.value();
  decision.records.emplace_back(record);
  if (decision.records.size() > kRecordsPerOperationMax) {
    return refuse(ErrorCode::kPolicyViolation, "Unable to perform excessively large batch operation.");
  }
  heartbeats_.forget(id);
  return decision;
}

}  // namespace penstock::metadata
