// DescribeLogDirs: what this broker's replicas take on disk (KIP-113, KIP-827).
#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>

#include "base/aio/sleep.h"
#include "broker/handlers/access.h"
#include "broker/metadata/image_source.h"
#include "broker/replication/visit.h"
#include "kafka/error_codes.h"
#include "kafka/messages/describe_log_dirs_request.h"
#include "kafka/messages/describe_log_dirs_response.h"

namespace penstock::handlers {

namespace {

using kafka::DescribeLogDirsRequest;
using kafka::DescribeLogDirsResponse;
using kafka::ErrorCode;

struct Replica {
  std::string topic;
  std::int32_t partition = 0;
  bool is_here = false;
  std::int64_t bytes = 0;
  std::int64_t lag = 0;
};

// The partitions of the topic that this broker has replicas of, and that are asked for.
void add_replicas(const metadata::Topic& topic, std::int32_t self, const std::vector<std::int32_t>* wanted,
                  std::vector<Replica>& replicas, std::vector<replication::PartitionKey>& keys) {
  for (std::int32_t i = 0; i < topic.partition_count(); ++i) {
    const metadata::Partition* partition = topic.partition(kafka::PartitionId(i));
    if (partition == nullptr || !partition->has_replica(kafka::NodeId(self))) continue;
    if (wanted != nullptr && std::ranges::find(*wanted, i) == wanted->end()) continue;
    replicas.push_back({.topic = topic.name, .partition = i});
    keys.push_back({topic.id, kafka::PartitionId(i)});
  }
}

aio::Task<DescribeLogDirsResponse> handle(RequestContext& context, DescribeLogDirsRequest request) {
  DescribeLogDirsResponse response;
  if (!may_on_cluster(context, security::Operation::kDescribe)) {
    response.error_code = kafka::to_wire(ErrorCode::kClusterAuthorizationFailed);
    co_return response;
  }
  const metadata::ImagePtr image = context.services.images->current();
  std::vector<Replica> replicas;
  std::vector<replication::PartitionKey> keys;
  if (request.topics) {
    std::map<std::string, std::vector<std::int32_t>> wanted;
    for (const auto& asked : *request.topics) {
      auto& partitions = wanted[asked.topic];
      partitions.insert(partitions.end(), asked.partitions.begin(), asked.partitions.end());
    }
    for (const auto& [name, partitions] : wanted) {
      if (const auto topic = image->topic(name)) {
        add_replicas(*topic, context.services.node_id, &partitions, replicas, keys);
      }
    }
  } else {
    for (const auto& topic : image->topics()) {
      add_replicas(*topic, context.services.node_id, nullptr, replicas, keys);
    }
  }
  auto visit = [&](std::size_t i, replication::Partition* partition) {
    if (partition == nullptr) return;
    replicas[i].is_here = true;
    replicas[i].bytes = partition->log().size_bytes();
    replicas[i].lag = std::max<std::int64_t>(partition->high_watermark() - partition->log_end_offset(), 0);
  };
  replication::ReplicaManager& manager = *context.services.replicas;
  co_await replication::visit_partitions(manager, context.reactor, keys, visit);
  auto& directory = response.results.emplace_back();
  directory.log_dir = manager.logs().path();
  std::error_code error;
  const auto ask = [&] { return std::filesystem::space(directory.log_dir, error); };
  const auto space = co_await aio::run_blocking(context.reactor, ask);
  if (!error) {
    directory.total_bytes = static_cast<std::int64_t>(space.capacity);
    directory.usable_bytes = static_cast<std::int64_t>(space.available);
  }
  for (Replica& replica : replicas) {
    if (!replica.is_here) continue;
    if (directory.topics.empty() || directory.topics.back().name != replica.topic) {
      directory.topics.emplace_back().name = replica.topic;
    }
    auto& row = directory.topics.back().partitions.emplace_back();
    row.partition_index = replica.partition;
    row.partition_size = replica.bytes;
    row.offset_lag = replica.lag;
  }
  co_return response;
}

}  // namespace

extern const Handler describe_log_dirs_handler =
    make_handler<DescribeLogDirsRequest, DescribeLogDirsResponse, handle>();

}  // namespace penstock::handlers
