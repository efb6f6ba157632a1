// ListOffsets: the offset at a time, or at one of the special times (KIP-79, KIP-734, KIP-405, KIP-1023).
#include <set>

#include "broker/handlers/access.h"
#include "broker/handlers/partition_lookup.h"
#include "broker/metadata/image_source.h"
#include "broker/replication/visit.h"
#include "kafka/messages/list_offsets_request.h"
#include "kafka/messages/list_offsets_response.h"

namespace penstock::handlers {

namespace {

using kafka::ErrorCode;
using kafka::ListOffsetsRequest;
using kafka::ListOffsetsResponse;
using replication::Isolation;
using replication::OffsetAnswer;
using security::Operation;
using Row = ListOffsetsResponse::ListOffsetsPartitionResponse;

// Followers, and the debugging consumer (-2), may look past the high watermark.
constexpr std::int32_t kConsumer = -1;

struct Wanted {
  std::size_t topic;
  std::size_t partition;
  std::int64_t timestamp;
  kafka::LeaderEpoch leader_epoch;
};

Isolation isolation_of(const ListOffsetsRequest& request) {
  if (request.replica_id != kConsumer) return Isolation::kLogEnd;
  return request.isolation_level == 1 ? Isolation::kReadCommitted : Isolation::kReadUncommitted;
}

// A special timestamp that this version does not have yet.
bool is_too_new(std::int64_t timestamp, std::int16_t version) {
  switch (timestamp) {
    case replication::kMaxTimestamp:
      return version < 7;
    case replication::kEarliestLocalTimestamp:
      return version < 8;
    case replication::kLatestTieredTimestamp:
      return version < 9;
    case replication::kEarliestPendingUploadTimestamp:
      return version < 11;
    default:
      return timestamp < replication::kEarliestPendingUploadTimestamp;
  }
}

// The partitions that the request names twice: "orders-3" may be asked one thing at a time.
std::set<std::pair<std::string, std::int32_t>> duplicates_of(const ListOffsetsRequest& request) {
  std::set<std::pair<std::string, std::int32_t>> seen;
  std::set<std::pair<std::string, std::int32_t>> duplicates;
  for (const auto& topic : request.topics) {
    for (const auto& partition : topic.partitions) {
      std::pair name(topic.name, partition.partition_index);
      if (!seen.insert(name).second) duplicates.insert(std::move(name));
    }
  }
  return duplicates;
}

class ListOffsets {
 public:
  ListOffsets(RequestContext& context, ListOffsetsRequest request)
      : context_(context), request_(std::move(request)), image_(context.services.images->current()) {}

  aio::Task<ListOffsetsResponse> run() {
    const auto duplicates = duplicates_of(request_);
    for (const auto& topic : request_.topics) prepare(topic, duplicates);
    answers_.resize(keys_.size());
    const Isolation isolation = isolation_of(request_);
    auto look = [this, isolation](std::size_t i, replication::Partition* partition) {
      answers_[i] = partition == nullptr ? OffsetAnswer{.error = ErrorCode::kNotLeaderOrFollower}
                                         : partition->offset_for_timestamp(wanted_[i].timestamp, isolation,
                                                                           wanted_[i].leader_epoch);
    };
    co_await replication::visit_partitions(*context_.services.replicas, context_.reactor, keys_, look);
    for (std::size_t i = 0; i < answers_.size(); ++i) fill(wanted_[i], answers_[i]);
    co_return std::move(response_);
  }

 private:
  void prepare(const ListOffsetsRequest::ListOffsetsTopic& data,
               const std::set<std::pair<std::string, std::int32_t>>& duplicates) {
    const TopicLookup topic = look_up_topic(*image_, data.name, {}, false);
    const bool is_allowed = may_on_topic(context_, Operation::kDescribe, data.name);
    auto& response = response_.topics.emplace_back();
    response.name = data.name;
    for (const auto& partition : data.partitions) {
      Row& row = response.partitions.emplace_back();
      row.partition_index = partition.partition_index;
      ErrorCode error = is_allowed ? topic.error : ErrorCode::kTopicAuthorizationFailed;
      if (error != ErrorCode::kTopicAuthorizationFailed) {
        if (duplicates.contains({data.name, partition.partition_index})) {
          error = ErrorCode::kInvalidRequest;
        } else if (is_too_new(partition.timestamp, context_.api_version)) {
          error = ErrorCode::kUnsupportedVersion;
        }
      }
      PartitionLookup found;
      if (error == ErrorCode::kNone) {
        found = look_up_partition(*topic.topic, partition.partition_index, context_.services.node_id);
        error = found.error;
      }
      if (error != ErrorCode::kNone) {
        row.error_code = kafka::to_wire(error);
        continue;
      }
      keys_.push_back(found.key);
      wanted_.push_back({.topic = response_.topics.size() - 1,
                         .partition = response.partitions.size() - 1,
                         .timestamp = partition.timestamp,
                         .leader_epoch = kafka::LeaderEpoch(partition.current_leader_epoch)});
    }
  }

  void fill(const Wanted& wanted, const OffsetAnswer& answer) {
    Row& row = response_.topics[wanted.topic].partitions[wanted.partition];
    ErrorCode error = answer.error;
    // Older clients do not know the error.
    if (error == ErrorCode::kOffsetNotAvailable && context_.api_version < 5) {
      error = ErrorCode::kLeaderNotAvailable;
    }
    row.error_code = kafka::to_wire(error);
    row.timestamp = answer.timestamp;
    row.offset = answer.offset.value();
    if (context_.api_version >= 4) row.leader_epoch = answer.leader_epoch.value();
  }

  RequestContext& context_;
  const ListOffsetsRequest request_;
  const metadata::ImagePtr image_;
  ListOffsetsResponse response_;
  std::vector<replication::PartitionKey> keys_;
  std::vector<Wanted> wanted_;  // One per key.
  std::vector<OffsetAnswer> answers_;
};

aio::Task<ListOffsetsResponse> handle(RequestContext& context, ListOffsetsRequest request) {
  ListOffsets list(context, std::move(request));
  co_return co_await list.run();
}

}  // namespace

extern const Handler list_offsets_handler = make_handler<ListOffsetsRequest, ListOffsetsResponse, handle>();

}  // namespace penstock::handlers
