#include "broker/handlers/fetch_session.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/aio/sleep.h"

namespace penstock::handlers {

using kafka::ErrorCode;
using kafka::FetchRequest;
using PartitionData = kafka::FetchResponse::PartitionData;

namespace {

constexpr std::int32_t kInitialEpoch = 0;
constexpr std::int32_t kFinalEpoch = -1;
constexpr std::int32_t kNoSession = 0;
constexpr std::int16_t kFirstVersionWithTopicIds = 13;
// A session that was not used for so long gives way to any other.
constexpr base::Duration kIdleMax = std::chrono::minutes(2);

std::int32_t next_epoch(std::int32_t epoch) {
  return epoch == std::numeric_limits<std::int32_t>::max() ? 1 : epoch + 1;
}

std::int32_t reader_of(const FetchRequest& request) {
  return std::max(request.replica_id, request.replica_state.replica_id);
}

std::vector<FetchTarget> targets_of(FetchRequest& request) {
  std::vector<FetchTarget> targets;
  for (FetchRequest::FetchTopic& topic : request.topics) {
    for (const FetchRequest::FetchPartition& partition : topic.partitions) {
      targets.push_back({.topic = topic.topic, .topic_id = topic.topic_id, .partition = partition});
    }
  }
  return targets;
}

bool has_news(const PartitionData& result) {
  return (result.records && result.records->size() > 0) || result.preferred_read_replica >= 0 ||
         result.diverging_epoch.epoch >= 0 || result.error_code != 0;
}

}  // namespace

FetchSessionCache::FetchSessionCache(FetchSessionLimits limits, std::size_t reactor_index,
                                     std::size_t reactor_count, std::uint64_t seed)
    : limits_(limits), reactor_index_(reactor_index), reactor_count_(reactor_count), random_(seed) {}

FetchSessionCache::Key FetchSessionCache::key_of(const FetchTarget& target) {
  return {.topic = target.topic, .topic_id = target.topic_id, .partition = target.partition.partition};
}

FetchContext FetchSessionCache::refuse(ErrorCode error) const {
  FetchContext context;
  context.kind = FetchKind::kRefused;
  context.error = error;
  return context;
}

FetchContext FetchSessionCache::begin(FetchRequest& request, std::int16_t version, base::MonoTime now) {
  FetchContext context;
  context.is_follower = reader_of(request) >= 0;
  context.has_topic_ids = version >= kFirstVersionWithTopicIds;
  if (request.session_epoch == kInitialEpoch || request.session_epoch == kFinalEpoch) {
    // A full fetch ends the session that it names.
    if (const auto named = sessions_.find(request.session_id); named != sessions_.end()) close(named);
    context.kind = request.session_epoch == kFinalEpoch ? FetchKind::kSessionless : FetchKind::kFull;
    context.targets = targets_of(request);
    return context;
  }
  const auto found = sessions_.find(request.session_id);
  if (found == sessions_.end()) return refuse(ErrorCode::kFetchSessionIdNotFound);
  Session& session = found->second;
  if (session.epoch != request.session_epoch) return refuse(ErrorCode::kInvalidFetchSessionEpoch);
  if (session.has_topic_ids != context.has_topic_ids) return refuse(ErrorCode::kFetchSessionTopicIdError);
  update(session, request);
  if (session.partitions.empty()) {
    close(found);
    context.kind = FetchKind::kSessionless;
    return context;
  }
  if (partitions_ > limits_.partitions_max) {
    // It has grown too much; the reader comes again with a full fetch, and gets a session if there is room.
    close(found);
    return refuse(ErrorCode::kFetchSessionIdNotFound);
  }
  session.used_at = now;
  session.epoch = next_epoch(session.epoch);
  context.kind = FetchKind::kIncremental;
  context.session_id = request.session_id;
  context.session_epoch = session.epoch;
  context.targets.reserve(session.partitions.size());
  for (const Remembered& known : session.partitions) {
    context.targets.push_back(known.target);
    context.targets.back().told_high_watermark = known.high_watermark;
  }
  return context;
}

void FetchSessionCache::close(std::unordered_map<std::int32_t, Session>::iterator session) {
  partitions_ -= session->second.partitions.size();
  sessions_.erase(session);
}

void FetchSessionCache::update(Session& session, FetchRequest& request) {
  partitions_ -= session.partitions.size();
  for (FetchTarget& target : targets_of(request)) {
    Key key = key_of(target);
    if (const auto known = session.by_key.find(key); known != session.by_key.end()) {
      known->second->target = std::move(target);
    } else {
      session.partitions.push_back({.target = std::move(target)});
      session.by_key.emplace(std::move(key), std::prev(session.partitions.end()));
    }
  }
  for (const FetchRequest::ForgottenTopic& topic : request.forgotten_topics_data) {
    for (const std::int32_t partition : topic.partitions) {
      const auto known =
          session.by_key.find({.topic = topic.topic, .topic_id = topic.topic_id, .partition = partition});
      if (known == session.by_key.end()) continue;
      session.partitions.erase(known->second);
      session.by_key.erase(known);
    }
  }
  partitions_ += session.partitions.size();
}

bool FetchSessionCache::must_tell(Remembered& known, const PartitionData& result) {
  bool is_news = has_news(result);
  if (known.high_watermark != result.high_watermark) {
    known.high_watermark = result.high_watermark;
    is_news = true;
  }
  if (known.log_start_offset != result.log_start_offset) {
    known.log_start_offset = result.log_start_offset;
    is_news = true;
  }
  // So that the recovery from the error is told too.
  if (result.error_code != 0) known.high_watermark = -1;
  return is_news;
}

FetchAnswer FetchSessionCache::finish(const FetchContext& context, const std::vector<PartitionData>& results,
                                      base::MonoTime now) {
  switch (context.kind) {
    case FetchKind::kRefused:
      return {.error = context.error};
    case FetchKind::kSessionless:
      return {.is_included = std::vector<bool>(results.size(), true)};
    case FetchKind::kFull:
      return finish_full(context, results, now);
    case FetchKind::kIncremental:
      return finish_incremental(context, results);
  }
  return {};
}

FetchAnswer FetchSessionCache::finish_full(const FetchContext& context,
                                           const std::vector<PartitionData>& results, base::MonoTime now) {
  FetchAnswer answer{.is_included = std::vector<bool>(results.size(), true)};
  if (results.empty() || !make_room(context.is_follower, results.size(), now)) return answer;
  answer.session_id = new_id();
  Session& session = sessions_[answer.session_id];
  session.has_topic_ids = context.has_topic_ids;
  session.is_privileged = context.is_follower;
  session.created_at = session.used_at = now;
  for (std::size_t i = 0; i < results.size(); ++i) {
    Key key = key_of(context.targets[i]);
    if (session.by_key.contains(key)) continue;
    session.partitions.push_back({.target = context.targets[i]});
    must_tell(session.partitions.back(), results[i]);
    session.by_key.emplace(std::move(key), std::prev(session.partitions.end()));
  }
  partitions_ += session.partitions.size();
  return answer;
}

FetchAnswer FetchSessionCache::finish_incremental(const FetchContext& context,
                                                  const std::vector<PartitionData>& results) {
  FetchAnswer answer{.session_id = context.session_id,
                     .is_included = std::vector<bool>(results.size(), true)};
  const auto found = sessions_.find(context.session_id);
  if (found == sessions_.end()) return answer;  // Pushed out meanwhile: the next request hears of it.
  Session& session = found->second;
  if (session.epoch != context.session_epoch) return {.error = ErrorCode::kInvalidFetchSessionEpoch};
  for (std::size_t i = 0; i < results.size(); ++i) {
    const auto known = session.by_key.find(key_of(context.targets[i]));
    if (known == session.by_key.end()) continue;
    answer.is_included[i] = must_tell(*known->second, results[i]);
    // Who got records goes last, so that all get their turn when the answer is full.
    if (results[i].records && results[i].records->size() > 0) {
      session.partitions.splice(session.partitions.end(), session.partitions, known->second);
    }
  }
  return answer;
}

bool FetchSessionCache::make_room(bool is_privileged, std::size_t partitions, base::MonoTime now) {
  if (partitions > limits_.partitions_max) return false;
  while (sessions_.size() >= limits_.sessions_max || partitions_ + partitions > limits_.partitions_max) {
    if (!push_out_one(is_privileged, partitions, now)) return false;
  }
  return true;
}

// Idle sessions go first; then a follower's pushes out a consumer's, and a larger one a smaller one, of those
// that have had their time.
bool FetchSessionCache::push_out_one(bool is_privileged, std::size_t partitions, base::MonoTime now) {
  if (sessions_.empty()) return false;
  const auto oldest =
      std::ranges::min_element(sessions_, {}, [](const auto& entry) { return entry.second.used_at; });
  if (now - oldest->second.used_at > kIdleMax) {
    close(oldest);
    return true;
  }
  const auto rank = [](const Session& session) {
    return std::pair(session.is_privileged, session.partitions.size());
  };
  auto victim = sessions_.end();
  for (auto entry = sessions_.begin(); entry != sessions_.end(); ++entry) {
    const Session& session = entry->second;
    const bool has_had_time = now - session.created_at > kIdleMax;
    const bool is_evictable = has_had_time || (is_privileged && !session.is_privileged);
    if (is_evictable && (victim == sessions_.end() || rank(session) < rank(victim->second))) victim = entry;
  }
  if (victim == sessions_.end() || rank(victim->second) >= std::pair(is_privileged, partitions)) return false;
  close(victim);
  return true;
}

std::int32_t FetchSessionCache::new_id() {
  while (true) {
    const std::uint64_t turn = random_.below((std::uint64_t{1} << 31) / reactor_count_ - 1);
    const auto id = static_cast<std::int32_t>(turn * reactor_count_ + reactor_index_);
    if (id != kNoSession && !sessions_.contains(id)) return id;
  }
}

FetchSessions::FetchSessions(std::vector<aio::Reactor*> reactors, std::size_t slots_max, std::uint64_t seed) {
  FetchSessionLimits each;
  each.sessions_max = slots_max == 0 ? 0 : std::max<std::size_t>(slots_max / reactors.size(), 1);
  each.partitions_max = kPartitionsMax / reactors.size();
  for (std::size_t i = 0; i < reactors.size(); ++i) {
    parts_.push_back({reactors[i], FetchSessionCache(each, i, reactors.size(), seed + i)});
  }
}

FetchSessions::Part& FetchSessions::part_of(aio::Reactor& home, std::int32_t session_id) {
  if (session_id > 0) return parts_[static_cast<std::size_t>(session_id) % parts_.size()];
  const auto found = std::ranges::find(parts_, &home, &Part::reactor);
  return found == parts_.end() ? parts_.front() : *found;
}

aio::Task<FetchContext> FetchSessions::begin(aio::Reactor& home, FetchRequest request, std::int16_t version) {
  Part& part = part_of(home, request.session_id);
  auto open = [&] { return part.cache.begin(request, version, part.reactor->now()); };
  co_return co_await aio::run_on(home, *part.reactor, std::move(open));
}

aio::Task<FetchAnswer> FetchSessions::finish(aio::Reactor& home, const FetchContext& context,
                                             const std::vector<PartitionData>& results) {
  Part& part = part_of(home, context.session_id);
  auto close = [&] { return part.cache.finish(context, results, part.reactor->now()); };
  co_return co_await aio::run_on(home, *part.reactor, std::move(close));
}

}  // namespace penstock::handlers
