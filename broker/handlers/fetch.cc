// Fetch: records from many partitions, by long poll, with incremental sessions (KIP-227), leader epochs
// (KIP-320), reads from the nearest replica (KIP-392), topic ids (KIP-516) and leader hints (KIP-951).
//
// Records are not copied: the answer refers to cached batches or to ranges of segment files.
#include <algorithm>

#include "broker/handlers/access.h"
#include "broker/handlers/fetch_session.h"
#include "broker/handlers/partition_lookup.h"
#include "broker/metadata/image_source.h"
#include "broker/replication/fetch.h"
#include "broker/replication/replica_manager.h"
#include "kafka/messages/fetch_request.h"
#include "kafka/messages/fetch_response.h"

namespace penstock::handlers {

namespace {

using kafka::ErrorCode;
using kafka::FetchRequest;
using kafka::FetchResponse;
using replication::FetchOutcome;
using replication::Isolation;
using security::Operation;
using PartitionData = FetchResponse::PartitionData;

// Nobody waits longer, whatever the request says.
constexpr std::int32_t kWaitMsMax = 300'000;
// From here on consumers may read from a follower, and say where they are.
constexpr std::int16_t kFirstVersionWithRack = 11;

// What the whole request says, apart from its partitions.
struct FetchTerms {
  std::int32_t replica_id = -1;
  std::int64_t replica_epoch = -1;
  std::int32_t max_wait_ms = 0;
  std::int64_t bytes_min = 0;
  std::int64_t bytes_max = 0;
  Isolation isolation = Isolation::kReadUncommitted;

  bool is_follower() const { return replica_id >= 0; }
};

FetchTerms terms_of(const FetchRequest& request, std::int64_t bytes_limit) {
  FetchTerms terms;
  terms.replica_id = std::max(request.replica_id, request.replica_state.replica_id);
  terms.replica_epoch = request.replica_state.replica_epoch;
  terms.max_wait_ms = std::clamp(request.max_wait_ms, 0, kWaitMsMax);
  terms.bytes_max = std::clamp<std::int64_t>(request.max_bytes, 0, bytes_limit);
  terms.bytes_min = std::min<std::int64_t>(request.min_bytes, terms.bytes_max);
  if (terms.is_follower()) {
    terms.isolation = Isolation::kLogEnd;
  } else if (request.isolation_level == 1) {
    terms.isolation = Isolation::kReadCommitted;
  }
  return terms;
}

PartitionData refused(std::int32_t partition, ErrorCode error) {
  PartitionData data;
  data.partition_index = partition;
  data.error_code = kafka::to_wire(error);
  data.high_watermark = -1;
  data.records.emplace();
  return data;
}

PartitionData answer_of(std::int32_t partition, FetchOutcome& outcome, Isolation isolation) {
  if (!outcome.read.is_ok()) return refused(partition, outcome.read.error);
  PartitionData data;
  data.partition_index = partition;
  data.preferred_read_replica = outcome.read.preferred_reader.value();
  data.high_watermark = outcome.read.high_watermark.value();
  data.last_stable_offset = outcome.read.last_stable_offset.value();
  data.log_start_offset = outcome.read.log_start_offset.value();
  if (outcome.read.diverging) {
    data.diverging_epoch = {.epoch = outcome.read.diverging->epoch.value(),
                            .end_offset = outcome.read.diverging->end_offset.value()};
  }
  if (isolation == Isolation::kReadCommitted) {
    for (const storage::AbortedTransaction& aborted : outcome.read.aborted) {
      data.aborted_transactions->push_back(
          {.producer_id = aborted.producer_id.value(), .first_offset = aborted.first_offset.value()});
    }
  } else {
    data.aborted_transactions.reset();
  }
  data.records = std::move(outcome.read.records);
  return data;
}

class Fetch {
 public:
  Fetch(RequestContext& context, FetchRequest request)
      : context_(context),
        request_(std::move(request)),
        terms_(terms_of(request_, context.services.replicas->config().fetch_bytes_max())),
        rack_(rack_of_reader()) {}

  aio::Task<FetchResponse> run() {
    FetchSessions& sessions = *context_.services.fetch_sessions;
    const FetchContext session =
        co_await sessions.begin(context_.reactor, std::move(request_), context_.api_version);
    FetchResponse response;
    if (session.kind != FetchKind::kRefused) co_await read(session);
    FetchAnswer answer = co_await sessions.finish(context_.reactor, session, results_);
    response.error_code = kafka::to_wire(answer.error);
    response.session_id = answer.session_id;
    if (answer.error == ErrorCode::kNone) collect(session, answer, response);
    co_return response;
  }

 private:
  // Reads what may be read into results_, one per target.
  aio::Task<> read(const FetchContext& session) {
    const metadata::ImagePtr image = context_.services.images->current();
    image_ = image;
    results_.resize(session.targets.size());
    leaders_.resize(session.targets.size(), -1);
    replication::FetchPlan plan;
    plan.bytes_max = terms_.bytes_max;
    plan.bytes_min = terms_.bytes_min;
    plan.deadline = context_.reactor.now() + base::milliseconds(terms_.max_wait_ms);
    std::vector<std::size_t> positions;
    plan.items.reserve(session.targets.size());
    for (std::size_t i = 0; i < session.targets.size(); ++i) {
      if (prepare(session, i, plan)) positions.push_back(i);
    }
    if (positions.empty()) co_return;
    std::vector<FetchOutcome> outcomes = co_await replication::fetch(
        *context_.services.replicas, context_.reactor, std::move(plan), context_.disconnected);
    for (std::size_t n = 0; n < positions.size(); ++n) fill(session, positions[n], outcomes[n]);
  }

  bool prepare(const FetchContext& session, std::size_t i, replication::FetchPlan& plan) {
    const FetchTarget& target = session.targets[i];
    const std::int32_t index = target.partition.partition;
    const ErrorCode error = check(session, target, plan);
    if (error == ErrorCode::kNone) return true;
    results_[i] = refused(index, error);
    return false;
  }

  // Adds the target to the plan, or says why not.
  ErrorCode check(const FetchContext& session, const FetchTarget& target, replication::FetchPlan& plan) {
    const TopicLookup topic = look_up_topic(*image_, target.topic, target.topic_id, session.has_topic_ids);
    if (session.has_topic_ids && topic.error != ErrorCode::kNone) return topic.error;
    const std::string_view name = topic.topic ? std::string_view(topic.topic->name) : target.topic;
    const bool is_allowed = terms_.is_follower() ? may_on_cluster(context_, Operation::kClusterAction)
                                                 : may_on_topic(context_, Operation::kRead, name);
    if (!is_allowed) return ErrorCode::kTopicAuthorizationFailed;
    if (topic.error != ErrorCode::kNone) return topic.error;
    const PartitionLookup found =
        look_up_partition(*topic.topic, target.partition.partition, context_.services.node_id);
    if (found.error == ErrorCode::kUnknownTopicOrPartition) return found.error;
    plan.items.push_back(item_of(target, found.key));
    return ErrorCode::kNone;
  }

  replication::FetchItem item_of(const FetchTarget& target, const replication::PartitionKey& key) const {
    replication::FetchItem item;
    item.key = key;
    item.request.offset = kafka::Offset(target.partition.fetch_offset);
    item.request.bytes_max = std::max(target.partition.partition_max_bytes, 0);
    item.request.isolation = terms_.isolation;
    item.request.current_leader_epoch = kafka::LeaderEpoch(target.partition.current_leader_epoch);
    item.request.last_fetched_epoch = kafka::LeaderEpoch(target.partition.last_fetched_epoch);
    if (terms_.is_follower()) {
      if (is_registered()) item.follower = follower_of(target);
      if (context_.services.replicas->config().is_rack_aware()) {
        item.known_high_watermark = kafka::Offset(target.told_high_watermark);
      }
    } else {
      item.request.is_follower_enough = context_.api_version >= kFirstVersionWithRack;
      item.rack = rack_;
    }
    return item;
  }

  replication::FollowerFetch follower_of(const FetchTarget& target) const {
    return {.node = kafka::NodeId(terms_.replica_id),
            .epoch = kafka::BrokerEpoch(terms_.replica_epoch),
            .offset = kafka::Offset(target.partition.fetch_offset),
            .log_start_offset = kafka::Offset(target.partition.log_start_offset)};
  }

  // Only the current incarnation of a broker moves the high watermark and the ISR: who claims to be a replica
  // without its epoch only reads.
  bool is_registered() const {
    const metadata::BrokerRegistration* broker = image_->broker(kafka::NodeId(terms_.replica_id));
    return broker != nullptr && broker->epoch == kafka::BrokerEpoch(terms_.replica_epoch);
  }

  // Empty unless nearer replicas are to be named.
  std::string rack_of_reader() const {
    const bool is_asked = !terms_.is_follower() && context_.api_version >= kFirstVersionWithRack;
    if (!is_asked || !context_.services.replicas->config().is_rack_aware()) return {};
    return request_.rack_id;
  }

  void fill(const FetchContext& session, std::size_t i, FetchOutcome& outcome) {
    const FetchTarget& target = session.targets[i];
    results_[i] = answer_of(target.partition.partition, outcome, terms_.isolation);
    if (context_.api_version < 12 || !tells_leader(outcome.read.error)) return;
    const TopicLookup topic = look_up_topic(*image_, target.topic, target.topic_id, session.has_topic_ids);
    if (topic.topic == nullptr) return;
    const PartitionLookup found =
        look_up_partition(*topic.topic, target.partition.partition, context_.services.node_id);
    results_[i].current_leader = {.leader_id = found.leader_id, .leader_epoch = found.leader_epoch};
    leaders_[i] = found.leader_id;
  }

  // The included results, those of a topic that follow each other together.
  void collect(const FetchContext& session, const FetchAnswer& answer, FetchResponse& response) {
    for (std::size_t i = 0; i < results_.size(); ++i) {
      if (!answer.is_included[i]) continue;
      const FetchTarget& target = session.targets[i];
      auto* topic = response.responses.empty() ? nullptr : &response.responses.back();
      if (topic == nullptr || topic->topic_id != target.topic_id || topic->topic != target.topic) {
        topic = &response.responses.emplace_back();
        topic->topic = target.topic;
        topic->topic_id = target.topic_id;
      }
      topic->partitions.push_back(std::move(results_[i]));
      if (leaders_[i] >= 0 && context_.api_version >= 16) {
        add_endpoint(context_, *image_, leaders_[i], response.node_endpoints);
      }
    }
  }

  RequestContext& context_;
  FetchRequest request_;
  const FetchTerms terms_;
  const std::string rack_;
  metadata::ImagePtr image_;
  std::vector<PartitionData> results_;
  std::vector<std::int32_t> leaders_;  // Per target, who leads it when we do not; else -1.
};

aio::Task<Reply> handle(RequestContext& context, base::ByteSpan body) {
  base::ByteReader reader(body);
  auto request = kafka::decode<FetchRequest>(reader, context.api_version);
  if (!request) co_return malformed_reply(context, request.error());
  Fetch fetch(context, std::move(*request));
  const FetchResponse response = co_await fetch.run();
  co_return reply_with(context, response);
}

}  // namespace

extern const Handler fetch_handler{.key = kafka::ApiKey::kFetch,
                                   .lowest_version = FetchRequest::kLowestVersion,
                                   .highest_version = FetchRequest::kHighestVersion,
                                   .is_pipelined = true,
                                   .handle = &handle};

}  // namespace penstock::handlers
