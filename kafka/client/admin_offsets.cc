// ListOffsets: each partition's leader is asked; what moved meanwhile is asked again.
#include <map>

#include "kafka/client/admin_call.h"
#include "kafka/client/admin_client.h"
#include "kafka/messages/list_offsets_request.h"
#include "kafka/messages/list_offsets_response.h"
#include "kafka/messages/metadata_request.h"
#include "kafka/messages/metadata_response.h"

namespace penstock::kafka {

using aio::Task;
using base::Errc;
using base::fail;
using base::Result;

namespace {

using Asked = ListOffsetsRequest::ListOffsetsPartition;
using Answered = ListOffsetsResponse::ListOffsetsPartitionResponse;

// Works for requests and responses, which have the same shape.
template <typename Message, typename Partition>
void add_partition(Message& message, const std::string& topic, Partition partition) {
  for (auto& known : message.topics) {
    if (known.name != topic) continue;
    known.partitions.push_back(std::move(partition));
    return;
  }
  message.topics.push_back({topic, {std::move(partition)}});
}

struct Leader {
  NodeId node = kNoNode;
  std::int16_t error_code = 0;
};

Leader leader_of(const MetadataResponse& metadata, const std::string& topic, std::int32_t partition) {
  for (const auto& known : metadata.topics) {
    if (known.name != topic) continue;
    if (known.error_code != 0) return {kNoNode, known.error_code};
    for (const auto& one : known.partitions) {
      if (one.partition_index != partition) continue;
      if (one.leader_id >= 0) return {NodeId(one.leader_id), 0};
      return {kNoNode, to_wire(ErrorCode::kLeaderNotAvailable)};
    }
  }
  return {kNoNode, to_wire(ErrorCode::kUnknownTopicOrPartition)};
}

MetadataRequest metadata_of_topics(const ListOffsetsRequest& request) {
  MetadataRequest metadata;
  metadata.allow_auto_topic_creation = false;
  for (const auto& topic : request.topics) metadata.topics->emplace_back().name = topic.name;
  return metadata;
}

// One round: the request split by leader, and where each answer goes.
class Round {
 public:
  Round(const ListOffsetsRequest& request, ListOffsetsResponse& done) : again(request), done_(done) {
    again.topics.clear();
  }

  void plan(const ListOffsetsRequest& request, const MetadataResponse& metadata) {
    const ListOffsetsRequest empty = again;
    for (const auto& topic : request.topics) {
      for (const auto& partition : topic.partitions) {
        const Leader leader = leader_of(metadata, topic.name, partition.partition_index);
        if (leader.error_code == 0) {
          add_partition(parts.try_emplace(leader.node, empty).first->second, topic.name, partition);
        } else {
          settle_error(topic.name, partition, leader.error_code);
        }
      }
    }
  }

  // `response` is null when none came.
  void take(const ListOffsetsRequest& part, const ListOffsetsResponse* response) {
    for (const auto& topic : part.topics) {
      for (const auto& partition : topic.partitions) {
        const Answered* found = response == nullptr ? nullptr : find(*response, topic.name, partition);
        if (found != nullptr) {
          settle(topic.name, partition, *found);
        } else {
          settle_error(
              topic.name, partition,
              to_wire(response == nullptr ? ErrorCode::kNetworkException : ErrorCode::kUnknownServerError));
        }
      }
    }
  }

  std::map<NodeId, ListOffsetsRequest> parts;
  ListOffsetsRequest again;
  ListOffsetsResponse failed;  // What `again` got in this round.

 private:
  static const Answered* find(const ListOffsetsResponse& response, const std::string& topic,
                              const Asked& asked) {
    for (const auto& answered : response.topics) {
      if (answered.name != topic) continue;
      for (const auto& one : answered.partitions) {
        if (one.partition_index == asked.partition_index) return &one;
      }
    }
    return nullptr;
  }

  void settle(const std::string& topic, const Asked& asked, Answered answered) {
    const bool is_again = is_asked_again(answered.error_code);
    if (is_again) add_partition(again, topic, asked);
    add_partition(is_again ? failed : done_, topic, std::move(answered));
  }
  void settle_error(const std::string& topic, const Asked& asked, std::int16_t error_code) {
    Answered answered;
    answered.partition_index = asked.partition_index;
    answered.error_code = error_code;
    settle(topic, asked, std::move(answered));
  }

  ListOffsetsResponse& done_;
};

}  // namespace

Task<Result<ListOffsetsResponse>> AdminClient::list_offsets(ListOffsetsRequest request) {
  const GateHold hold(gate_);
  if (!hold.is_inside()) co_return fail(Errc::kShuttingDown, "kafka client is stopping");
  const base::MonoTime deadline = call_deadline();
  ListOffsetsResponse done;
  for (std::uint32_t tries = 0;; ++tries) {
    const auto cluster = co_await call_until(kNoNode, metadata_of_topics(request), deadline);
    if (!cluster) co_return fail(cluster.error());
    remember_brokers(*cluster);

    Round round(request, done);
    round.plan(request, *cluster);
    for (const auto& [node, part] : round.parts) {
      const auto response = co_await try_once(node, part, deadline);
      const Errc failure = response ? Errc::kUnavailable : response.error().code();
      if (failure == Errc::kUnsupported || failure == Errc::kShuttingDown) co_return fail(response.error());
      round.take(part, response ? &*response : nullptr);
    }
    if (round.again.topics.empty()) co_return done;
    const auto slept =
        co_await back_off(tries, deadline, base::Error(Errc::kTimedOut, "ListOffsets: no leader in time"));
    if (!slept && slept.error().code() == Errc::kShuttingDown) co_return fail(slept.error());
    if (!slept) {
      for (auto& topic : round.failed.topics) {
        for (auto& partition : topic.partitions) add_partition(done, topic.name, std::move(partition));
      }
      co_return done;
    }
    request = std::move(round.again);
  }
}

}  // namespace penstock::kafka
