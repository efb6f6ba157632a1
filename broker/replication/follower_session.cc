#include "broker/replication/follower_session.h"

#include <limits>
#include <utility>

#include "kafka/error_codes.h"

namespace penstock::replication {

using kafka::ErrorCode;
using kafka::FetchRequest;

void FollowerSession::add(FetchRequest& request, const PartitionKey& key, const Wanted& wanted) {
  if (request.topics.empty() || request.topics.back().topic_id != key.topic_id) {
    FetchRequest::FetchTopic& topic = request.topics.emplace_back();
    topic.topic = wanted.topic;
    topic.topic_id = key.topic_id;
  }
  request.topics.back().partitions.push_back(wanted.partition);
}

void FollowerSession::forget(FetchRequest& request, const PartitionKey& key, const Wanted& known) {
  auto& topics = request.forgotten_topics_data;
  if (topics.empty() || topics.back().topic_id != key.topic_id) {
    FetchRequest::ForgottenTopic& topic = topics.emplace_back();
    topic.topic = known.topic;
    topic.topic_id = key.topic_id;
  }
  topics.back().partitions.push_back(key.partition.value());
}

void FollowerSession::fill(FetchRequest& request, Partitions wanted) {
  request.session_id = id_;
  request.session_epoch = epoch_;
  const bool is_full = epoch_ == 0;
  for (const auto& [key, want] : wanted) {
    const auto known = is_full ? known_.end() : known_.find(key);
    if (known == known_.end() || known->second != want) add(request, key, want);
  }
  if (!is_full) {
    for (const auto& [key, known] : known_) {
      if (!wanted.contains(key)) forget(request, key, known);
    }
  }
  known_ = std::move(wanted);
}

const FollowerSession::Wanted* FollowerSession::find(const PartitionKey& key) const {
  const auto known = known_.find(key);
  return known == known_.end() ? nullptr : &known->second;
}

bool FollowerSession::on_response(const kafka::FetchResponse& response) {
  const auto error = static_cast<ErrorCode>(response.error_code);
  if (error != ErrorCode::kNone) {
    // What the leader does not know it need not close.
    if (error == ErrorCode::kFetchSessionIdNotFound) id_ = 0;
    epoch_ = 0;
    return false;
  }
  // Without an id the leader keeps no session: it is asked for one again, with everything.
  const bool is_new = response.session_id != id_ || epoch_ == 0;
  id_ = response.session_id;
  if (id_ == 0) {
    epoch_ = 0;
  } else {
    epoch_ = is_new || epoch_ == std::numeric_limits<std::int32_t>::max() ? 1 : epoch_ + 1;
  }
  return true;
}

void FollowerSession::on_failure() { epoch_ = 0; }

}  // namespace penstock::replication
