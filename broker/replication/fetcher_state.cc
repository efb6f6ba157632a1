#include "broker/replication/fetcher_state.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>  // Ids in log lines.

#include "base/log.h"
#include "broker/replication/partition_set.h"

namespace penstock::replication {

using kafka::ErrorCode;
using kafka::FetchRequest;
using kafka::Offset;

namespace {

constexpr base::Logger log("replication");

// The first wait after a failure: a new leader that has not heard of its election yet has soon.
constexpr base::Duration kBackoffMin = base::milliseconds(20);
constexpr std::uint32_t kBackoffDoublings = 10;
// A leader that sends damage may have read it badly once; one that goes on has it on its disk.
constexpr std::uint32_t kRefusalsMax = 5;

base::Duration backoff_after(std::uint32_t failures, base::Duration max) {
  return std::min(max, kBackoffMin * (1 << std::min(failures, kBackoffDoublings)));
}

}  // namespace

FetcherState::FetcherState(PartitionSet& set, FetcherOptions options) : set_(set), options_(options) {}

bool FetcherState::add(const PartitionKey& key, std::string topic, kafka::LeaderEpoch epoch) {
  Followed& followed = followed_[key];
  if (!followed.topic.empty() && followed.epoch == epoch) return false;
  followed = Followed{.topic = std::move(topic), .epoch = epoch};
  return true;
}

Partition* FetcherState::follower(const PartitionKey& key, const Followed& followed) const {
  Partition* partition = set_.find(key);
  const bool is_following = partition != nullptr && partition->role() == Role::kFollower &&
                            partition->leader_epoch() == followed.epoch;
  return is_following ? partition : nullptr;
}

base::MonoTime FetcherState::due(base::MonoTime now) const {
  base::MonoTime due = base::MonoTime::max();
  for (const auto& [key, followed] : followed_) {
    if (followed.has_stopped) continue;
    const Partition* partition = follower(key, followed);
    if (partition == nullptr || partition->is_flush_awaited()) continue;
    const base::MonoTime free = throttled_until(*partition, followed).value_or(base::MonoTime::min());
    due = std::min(due, std::max({followed.not_before, not_before_, free}));
    if (due <= now) break;
  }
  return due;
}

std::optional<FetchRequest> FetcherState::make_request(kafka::BrokerEpoch epoch, base::MonoTime now) {
  if (now < not_before_) return std::nullopt;
  FollowerSession::Partitions wanted;
  for (const auto& [key, followed] : followed_) {
    if (followed.has_stopped || followed.is_out_of_range || now < followed.not_before) continue;
    const Partition* partition = follower(key, followed);
    if (partition == nullptr || partition->is_flush_awaited()) continue;
    if (throttled_until(*partition, followed).value_or(now) > now) continue;
    const FollowerPosition position = partition->position();
    FollowerSession::Wanted& want = wanted[key];
    want.topic = followed.topic;
    want.partition.partition = key.partition.value();
    want.partition.current_leader_epoch = position.leader_epoch.value();
    want.partition.fetch_offset = position.fetch_offset.value();
    want.partition.last_fetched_epoch = position.last_epoch.value();
    want.partition.log_start_offset = position.log_start_offset.value();
    want.partition.partition_max_bytes = options_.partition_bytes_max;
  }
  if (wanted.empty()) return std::nullopt;
  FetchRequest request;
  request.replica_state = {.replica_id = options_.self.value(), .replica_epoch = epoch.value()};
  request.max_wait_ms = options_.wait_max_ms;
  request.min_bytes = options_.bytes_min;
  request.max_bytes = options_.response_bytes_max;
  session_.fill(request, std::move(wanted));
  return request;
}

void FetcherState::on_response(const kafka::FetchResponse& response, base::MonoTime now,
                               std::int64_t wall_ms) {
  if (!session_.on_response(response)) {
    const auto error = static_cast<ErrorCode>(response.error_code);
    log.debug("a fetch session ended: {}", kafka::error_name(error));
    const bool is_session_over = error == ErrorCode::kFetchSessionIdNotFound ||
                                 error == ErrorCode::kInvalidFetchSessionEpoch ||
                                 error == ErrorCode::kFetchSessionTopicIdError;
    // A second time in a row is no end of a session.
    if (!is_session_over || failures_ > 0) {
      not_before_ = now + backoff_after(failures_, options_.backoff_max);
    }
    ++failures_;
    return;
  }
  failures_ = 0;
  for (const auto& topic : response.responses) {
    for (const Answer& answer : topic.partitions) {
      take({.topic_id = topic.topic_id, .partition = kafka::PartitionId(answer.partition_index)}, answer, now,
           wall_ms);
    }
  }
}

void FetcherState::on_no_response(base::MonoTime now, bool is_failure) {
  session_.on_failure();
  if (!is_failure) return;
  not_before_ = now + backoff_after(failures_, options_.backoff_max);
  ++failures_;
}

void FetcherState::take(const PartitionKey& key, const Answer& answer, base::MonoTime now,
                        std::int64_t wall_ms) {
  const auto known = followed_.find(key);
  const FollowerSession::Wanted* asked = session_.find(key);
  if (known == followed_.end() || asked == nullptr) return;
  Followed& followed = known->second;
  Partition* partition = follower(key, followed);
  // The answer is about the epoch and the offset that were asked for.
  if (partition == nullptr || asked->partition.current_leader_epoch != followed.epoch.value() ||
      asked->partition.fetch_offset != partition->log_end_offset().value()) {
    return;
  }
  switch (const auto error = static_cast<ErrorCode>(answer.error_code)) {
    case ErrorCode::kNone:
      if (answer.diverging_epoch.epoch >= 0 || answer.diverging_epoch.end_offset >= 0) {
        truncate(*partition, followed, answer, now);
      } else {
        take_records(*partition, followed, answer, now, wall_ms);
      }
      set_.start_background_work(*partition);
      break;
    case ErrorCode::kOffsetOutOfRange:
      followed.is_out_of_range = true;
      break;
    default:
      log.debug("{}: the leader answers {}", partition->name(), kafka::error_name(error));
      back_off(followed, now);
  }
}

void FetcherState::take_records(Partition& partition, Followed& followed, const Answer& answer,
                                base::MonoTime now, std::int64_t wall_ms) {
  const LeaderData data{.records = answer.records ? answer.records->bytes : base::ByteSpan(),
                        .high_watermark = Offset(answer.high_watermark),
                        .log_start_offset = Offset(answer.log_start_offset)};
  const base::Result<> taken = partition.append_from_leader(data, wall_ms);
  if (!taken) return refuse(partition, followed, taken.error(), now);
  followed.failures = followed.refusals = 0;
  followed.has_caught_up = partition.log_end_offset() >= data.high_watermark;
  if (set_.quotas() != nullptr && partition.is_throttled_as_follower()) {
    set_.quotas()->follower.spend(static_cast<std::int64_t>(data.records.size()), now);
  }
}

std::optional<base::MonoTime> FetcherState::throttled_until(const Partition& partition,
                                                            const Followed& followed) const {
  const bool is_throttled =
      set_.quotas() != nullptr && !followed.has_caught_up && partition.is_throttled_as_follower();
  if (!is_throttled) return std::nullopt;
  return set_.quotas()->follower.ready_at();
}

void FetcherState::truncate(Partition& partition, Followed& followed, const Answer& answer,
                            base::MonoTime now) {
  const FollowerPosition before = partition.position();
  const base::Result<> truncated =
      partition.truncate_to_agreement({.epoch = kafka::LeaderEpoch(answer.diverging_epoch.epoch),
                                       .end_offset = Offset(answer.diverging_epoch.end_offset)});
  if (!truncated) return refuse(partition, followed, truncated.error(), now);
  const FollowerPosition after = partition.position();
  if (after.fetch_offset == before.fetch_offset && after.last_epoch == before.last_epoch) {
    refuse(partition, followed, base::Error(base::Errc::kCorrupt, "logs that part nowhere"), now);
  }
}

void FetcherState::back_off(Followed& followed, base::MonoTime now) const {
  followed.not_before = now + backoff_after(followed.failures, options_.backoff_max);
  ++followed.failures;
}

void FetcherState::refuse(const Partition& partition, Followed& followed, const base::Error& error,
                          base::MonoTime now) {
  back_off(followed, now);
  followed.has_stopped = ++followed.refusals >= kRefusalsMax;
  log.error("{}: what the leader {} sent is refused: {}{}", partition.name(), partition.leader(),
            error.what(), followed.has_stopped ? "; this replica stops until the next leader epoch" : "");
}

bool FetcherState::has_lookups() const {
  return std::ranges::any_of(followed_, [](const auto& entry) { return entry.second.is_out_of_range; });
}

kafka::ListOffsetsRequest FetcherState::make_lookup(std::int64_t timestamp) const {
  kafka::ListOffsetsRequest request;
  request.replica_id = options_.self.value();
  for (const auto& [key, followed] : followed_) {
    if (!followed.is_out_of_range) continue;
    if (request.topics.empty() || request.topics.back().name != followed.topic) {
      request.topics.emplace_back().name = followed.topic;
    }
    auto& partition = request.topics.back().partitions.emplace_back();
    partition.partition_index = key.partition.value();
    partition.current_leader_epoch = followed.epoch.value();
    partition.timestamp = timestamp;
  }
  return request;
}

namespace {

std::optional<Offset> offset_in(const std::optional<kafka::ListOffsetsResponse>& response,
                                const std::string& topic, std::int32_t partition) {
  if (!response) return std::nullopt;
  for (const auto& data : response->topics) {
    if (data.name != topic) continue;
    for (const auto& row : data.partitions) {
      if (row.partition_index == partition && row.error_code == 0 && row.offset >= 0) {
        return Offset(row.offset);
      }
    }
  }
  return std::nullopt;
}

}  // namespace

void FetcherState::on_lookups(const std::optional<kafka::ListOffsetsResponse>& earliest,
                              const std::optional<kafka::ListOffsetsResponse>& latest, base::MonoTime now) {
  for (auto& [key, followed] : followed_) {
    if (!followed.is_out_of_range) continue;
    const std::int32_t index = key.partition.value();
    restart(key, followed, offset_in(earliest, followed.topic, index),
            offset_in(latest, followed.topic, index), now);
  }
}

void FetcherState::restart(const PartitionKey& key, Followed& followed, std::optional<Offset> earliest,
                           std::optional<Offset> latest, base::MonoTime now) {
  followed.is_out_of_range = false;
  Partition* partition = follower(key, followed);
  if (partition == nullptr) return;
  // Each time later: a leader whose answers contradict each other is not asked in a circle.
  back_off(followed, now);
  if (!earliest || !latest || *earliest > *latest) return;
  if (const auto restarted = partition->restart_within(*earliest, *latest); !restarted) {
    return refuse(*partition, followed, restarted.error(), now);
  }
  set_.start_background_work(*partition);
}

}  // namespace penstock::replication
