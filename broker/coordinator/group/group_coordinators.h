// All group coordinators of this broker: finds the shard of a group, on whatever reactor it lives.
//
// Lifetime: one per broker. The server calls start_shard and stop_shard as leadership of the partitions of
//   __consumer_offsets comes and goes, and stop() before destruction.
// Threads: any reactor; a call resumes on the reactor that it was made from.
// ERRORS: in the responses: NOT_COORDINATOR where this broker does not lead the group's partition,
//   INVALID_GROUP_ID, COORDINATOR_LOAD_IN_PROGRESS.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "broker/coordinator/group/group_coordinator.h"

namespace penstock::coordinator {

class GroupCoordinators {
 public:
  static constexpr std::string_view kTopic = "__consumer_offsets";

  // All outlive this.
  GroupCoordinators(const GroupConfig& config, base::Random& random);
  ~GroupCoordinators();

  // The partition of __consumer_offsets that holds a group, as every Kafka broker and client computes it.
  kafka::PartitionId partition_for(std::string_view group_id) const;

  // In all that follows `here` is the caller's reactor.

  // This broker now leads `partition`; a shard that exists already is stopped first. `reactor` is the
  // partition's own, on which `log` is used. Loading goes on in the background.
  aio::Task<> start_shard(aio::Reactor& here, kafka::PartitionId partition, aio::Reactor& reactor,
                          std::unique_ptr<CoordinatorLog> log);
  aio::Task<> stop_shard(aio::Reactor& here, kafka::PartitionId partition);
  aio::Task<> stop(aio::Reactor& here);

  aio::Task<kafka::JoinGroupResponse> join_group(aio::Reactor& here, GroupCaller caller,
                                                 kafka::JoinGroupRequest request);
  aio::Task<kafka::SyncGroupResponse> sync_group(aio::Reactor& here, GroupCaller caller,
                                                 kafka::SyncGroupRequest request);
  aio::Task<kafka::HeartbeatResponse> heartbeat(aio::Reactor& here, GroupCaller caller,
                                                kafka::HeartbeatRequest request);
  aio::Task<kafka::LeaveGroupResponse> leave_group(aio::Reactor& here, GroupCaller caller,
                                                   kafka::LeaveGroupRequest request);
  aio::Task<kafka::OffsetCommitResponse> offset_commit(aio::Reactor& here, GroupCaller caller,
                                                       kafka::OffsetCommitRequest request);
  // Splits by shard and joins the answers, in the order of the request. Groups are in `groups`.
  aio::Task<kafka::OffsetFetchResponse> offset_fetch(aio::Reactor& here, GroupCaller caller,
                                                     kafka::OffsetFetchRequest request);
  aio::Task<kafka::OffsetDeleteResponse> offset_delete(aio::Reactor& here, GroupCaller caller,
                                                       kafka::OffsetDeleteRequest request);
  aio::Task<kafka::DescribeGroupsResponse> describe_groups(aio::Reactor& here, GroupCaller caller,
                                                           kafka::DescribeGroupsRequest request);
  aio::Task<kafka::ListGroupsResponse> list_groups(aio::Reactor& here, GroupCaller caller,
                                                   kafka::ListGroupsRequest request);
  aio::Task<kafka::DeleteGroupsResponse> delete_groups(aio::Reactor& here, GroupCaller caller,
                                                       kafka::DeleteGroupsRequest request);
  aio::Task<> on_topics_deleted(aio::Reactor& here, std::vector<std::string> topics);

 private:
  struct Shard;
  std::shared_ptr<Shard> find(std::string_view group_id) const;
  std::shared_ptr<Shard> take(kafka::PartitionId partition);
  std::vector<std::shared_ptr<Shard>> all() const;

  const GroupConfig& config_;
  base::Random& random_;
  mutable std::mutex mutex_;  // Guards shards_; never held across an await.
  std::map<kafka::PartitionId, std::shared_ptr<Shard>> shards_;
};

}  // namespace penstock::coordinator
