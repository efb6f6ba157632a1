#include "broker/coordinator/group/group_coordinators.h"

#include <utility>

#include "base/aio/cross_reactor.h"
#include "broker/coordinator/group/config.h"
#include "broker/coordinator/group/group_errors.h"
#include "kafka/hashing.h"

namespace penstock::coordinator {

using kafka::ErrorCode;

struct GroupCoordinators::Shard {
  Shard(aio::Reactor& home, std::unique_ptr<CoordinatorLog> partition, const GroupConfig& config,
        std::uint64_t seed)
      : reactor(home), log(std::move(partition)), random(seed), coordinator(home, *log, config, random) {}

  aio::Reactor& reactor;
  std::unique_ptr<CoordinatorLog> log;
  base::SeededRandom random;
  GroupCoordinator coordinator;
};

namespace {

// Runs one call on the shard's reactor, or answers in its stead.
template <typename Shard, typename Request, typename Method>
auto call(std::shared_ptr<Shard> shard, aio::Reactor& here, GroupCaller caller, Request request,
          Method method) -> aio::Task<decltype(error_response(request, ErrorCode::kNone))> {
  if (!shard) co_return error_response(request, ErrorCode::kNotCoordinator);
  co_return co_await aio::call_on(here, shard->reactor, [&] {
    return (shard->coordinator.*method)(std::move(caller), std::move(request));
  });
}

template <typename Shard>
aio::Task<bool> begin(std::shared_ptr<Shard> shard) {
  shard->coordinator.start();
  co_return true;
}

template <typename Shard>
aio::Task<bool> end(std::shared_ptr<Shard> shard) {
  co_await shard->coordinator.stop();
  co_return true;
}

template <typename Shard>
aio::Task<bool> forget_topics(std::shared_ptr<Shard> shard, std::vector<std::string> topics) {
  shard->coordinator.on_topics_deleted(std::move(topics));
  co_return true;
}

}  // namespace

GroupCoordinators::GroupCoordinators(const GroupConfig& config, base::Random& random)
    : config_(config), random_(random) {}
GroupCoordinators::~GroupCoordinators() = default;

kafka::PartitionId GroupCoordinators::partition_for(std::string_view group_id) const {
  return kafka::PartitionId(kafka::coordinator_partition(group_id, config_.offsets_topic_num_partitions()));
}

std::shared_ptr<GroupCoordinators::Shard> GroupCoordinators::find(std::string_view group_id) const {
  const kafka::PartitionId partition = partition_for(group_id);
  const std::lock_guard lock(mutex_);
  const auto found = shards_.find(partition);
  return found == shards_.end() ? nullptr : found->second;
}

std::shared_ptr<GroupCoordinators::Shard> GroupCoordinators::take(kafka::PartitionId partition) {
  const std::lock_guard lock(mutex_);
  auto node = shards_.extract(partition);
  return node.empty() ? nullptr : std::move(node.mapped());
}

std::vector<std::shared_ptr<GroupCoordinators::Shard>> GroupCoordinators::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Shard>> shards;
  for (const auto& [partition, shard] : shards_) shards.push_back(shard);
  return shards;
}

aio::Task<> GroupCoordinators::start_shard(aio::Reactor& here, kafka::PartitionId partition,
                                           aio::Reactor& reactor, std::unique_ptr<CoordinatorLog> log) {
  co_await stop_shard(here, partition);
  std::shared_ptr<Shard> shard;
  {
    const std::lock_guard lock(mutex_);
    shard = std::make_shared<Shard>(reactor, std::move(log), config_, random_.next());
    shards_[partition] = shard;
  }
  co_await aio::call_on(here, reactor, [&] { return begin(shard); });
}

aio::Task<> GroupCoordinators::stop_shard(aio::Reactor& here, kafka::PartitionId partition) {
  const std::shared_ptr<Shard> shard = take(partition);
  if (shard) co_await aio::call_on(here, shard->reactor, [&] { return end(shard); });
}

aio::Task<> GroupCoordinators::stop(aio::Reactor& here) {
  std::vector<kafka::PartitionId> partitions;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [partition, shard] : shards_) partitions.push_back(partition);
  }
  for (const kafka::PartitionId partition : partitions) co_await stop_shard(here, partition);
}

aio::Task<kafka::JoinGroupResponse> GroupCoordinators::join_group(aio::Reactor& here, GroupCaller caller,
                                                                  kafka::JoinGroupRequest request) {
  auto shard = find(request.group_id);
  return call(std::move(shard), here, std::move(caller), std::move(request), &GroupCoordinator::join_group);
}

aio::Task<kafka::SyncGroupResponse> GroupCoordinators::sync_group(aio::Reactor& here, GroupCaller caller,
                                                                  kafka::SyncGroupRequest request) {
  auto shard = find(request.group_id);
  return call(std::move(shard), here, std::move(caller), std::move(request), &GroupCoordinator::sync_group);
}

aio::Task<kafka::HeartbeatResponse> GroupCoordinators::heartbeat(aio::Reactor& here, GroupCaller caller,
                                                                 kafka::HeartbeatRequest request) {
  auto shard = find(request.group_id);
  return call(std::move(shard), here, std::move(caller), std::move(request), &GroupCoordinator::heartbeat);
}

aio::Task<kafka::LeaveGroupResponse> GroupCoordinators::leave_group(aio::Reactor& here, GroupCaller caller,
                                                                    kafka::LeaveGroupRequest request) {
  auto shard = find(request.group_id);
  return call(std::move(shard), here, std::move(caller), std::move(request), &GroupCoordinator::leave_group);
}

aio::Task<kafka::OffsetCommitResponse> GroupCoordinators::offset_commit(aio::Reactor& here,
                                                                        GroupCaller caller,
                                                                        kafka::OffsetCommitRequest request) {
  auto shard = find(request.group_id);
  return call(std::move(shard), here, std::move(caller), std::move(request),
              &GroupCoordinator::offset_commit);
}

aio::Task<kafka::OffsetDeleteResponse> GroupCoordinators::offset_delete(aio::Reactor& here,
                                                                        GroupCaller caller,
                                                                        kafka::OffsetDeleteRequest request) {
  auto shard = find(request.group_id);
  return call(std::move(shard), here, std::move(caller), std::move(request),
              &GroupCoordinator::offset_delete);
}

aio::Task<kafka::OffsetFetchResponse> GroupCoordinators::offset_fetch(aio::Reactor& here, GroupCaller caller,
                                                                      kafka::OffsetFetchRequest request) {
  kafka::OffsetFetchResponse response;
  for (auto& group : request.groups) {
    auto shard = find(group.group_id);
    kafka::OffsetFetchRequest single;
    single.require_stable = request.require_stable;
    single.groups.push_back(std::move(group));
    auto part =
        co_await call(std::move(shard), here, caller, std::move(single), &GroupCoordinator::offset_fetch);
    for (auto& answered : part.groups) response.groups.push_back(std::move(answered));
  }
  co_return response;
}

aio::Task<kafka::DescribeGroupsResponse> GroupCoordinators::describe_groups(
    aio::Reactor& here, GroupCaller caller, kafka::DescribeGroupsRequest request) {
  kafka::DescribeGroupsResponse response;
  for (auto& group_id : request.groups) {
    auto shard = find(group_id);
    kafka::DescribeGroupsRequest single;
    single.groups.push_back(std::move(group_id));
    auto part =
        co_await call(std::move(shard), here, caller, std::move(single), &GroupCoordinator::describe_groups);
    for (auto& answered : part.groups) response.groups.push_back(std::move(answered));
  }
  co_return response;
}

aio::Task<kafka::ListGroupsResponse> GroupCoordinators::list_groups(aio::Reactor& here, GroupCaller caller,
                                                                    kafka::ListGroupsRequest request) {
  kafka::ListGroupsResponse response;
  for (auto& shard : all()) {
    auto part = co_await call(std::move(shard), here, caller, request, &GroupCoordinator::list_groups);
    // A shard that is no longer ours is listed by its new owner.
    if (part.error_code == kafka::to_wire(ErrorCode::kNotCoordinator)) continue;
    if (part.error_code != kafka::to_wire(ErrorCode::kNone)) co_return part;
    for (auto& listed : part.groups) response.groups.push_back(std::move(listed));
  }
  co_return response;
}

aio::Task<kafka::DeleteGroupsResponse> GroupCoordinators::delete_groups(aio::Reactor& here,
                                                                        GroupCaller caller,
                                                                        kafka::DeleteGroupsRequest request) {
  kafka::DeleteGroupsResponse response;
  for (auto& group_id : request.groups_names) {
    auto shard = find(group_id);
    kafka::DeleteGroupsRequest single;
    single.groups_names.push_back(std::move(group_id));
    auto part =
        co_await call(std::move(shard), here, caller, std::move(single), &GroupCoordinator::delete_groups);
    for (auto& answered : part.results) response.results.push_back(std::move(answered));
  }
  co_return response;
}

aio::Task<> GroupCoordinators::on_topics_deleted(aio::Reactor& here, std::vector<std::string> topics) {
  for (auto& shard : all())
    co_await aio::call_on(here, shard->reactor, [&] { return forget_topics(shard, topics); });
}

}  // namespace penstock::coordinator
