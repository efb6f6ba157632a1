// The group coordinator of one __consumer_offsets partition: the shell around GroupShard. It loads the state
// from the log, appends records, waits for their commit, keeps the timer, and resumes the callers.
//
// Lifetime: created when this broker becomes the partition's leader, start()ed, and stop()ped when it is no
//   longer; stop() answers every waiting request with NOT_COORDINATOR. `log`, `config` and `random` outlive
//   it.
// Threads: one reactor. GroupCoordinators routes to it from any.
// ERRORS: every call returns a response message; errors are in its error codes. While loading they are
//   COORDINATOR_LOAD_IN_PROGRESS, after stop() NOT_COORDINATOR.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/aio/reactor.h"
#include "base/aio/task.h"
#include "base/random.h"
#include "broker/coordinator/group/coordinator_log.h"
#include "kafka/ids.h"

namespace penstock::kafka {
struct JoinGroupRequest;
struct JoinGroupResponse;
struct SyncGroupRequest;
struct SyncGroupResponse;
struct HeartbeatRequest;
struct HeartbeatResponse;
struct LeaveGroupRequest;
struct LeaveGroupResponse;
struct OffsetCommitRequest;
struct OffsetCommitResponse;
struct OffsetFetchRequest;
struct OffsetFetchResponse;
struct OffsetDeleteRequest;
struct OffsetDeleteResponse;
struct DescribeGroupsRequest;
struct DescribeGroupsResponse;
struct ListGroupsRequest;
struct ListGroupsResponse;
struct DeleteGroupsRequest;
struct DeleteGroupsResponse;
}  // namespace penstock::kafka

namespace penstock::coordinator {

struct GroupConfig;

// Who asks: what the core needs of a RequestContext.
struct GroupCaller {
  std::string client_id;
  std::string client_host;   // Without port or slash: "127.0.0.1".
  std::int16_t version = 0;  // Of the request.
};

class GroupCoordinator {
 public:
  GroupCoordinator(aio::Reactor& reactor, CoordinatorLog& log, const GroupConfig& config,
                   base::Random& random);
  ~GroupCoordinator();
  GroupCoordinator(const GroupCoordinator&) = delete;
  GroupCoordinator& operator=(const GroupCoordinator&) = delete;

  // Starts loading in the background.
  void start();
  bool is_loading() const;
  // Answers everyone who waits and ends the background work. Calls that follow get NOT_COORDINATOR.
  aio::Task<> stop();

  aio::Task<kafka::JoinGroupResponse> join_group(GroupCaller caller, kafka::JoinGroupRequest request);
  aio::Task<kafka::SyncGroupResponse> sync_group(GroupCaller caller, kafka::SyncGroupRequest request);
  aio::Task<kafka::HeartbeatResponse> heartbeat(GroupCaller caller, kafka::HeartbeatRequest request);
  // The members are in `request.members`, also for versions below 3.
  aio::Task<kafka::LeaveGroupResponse> leave_group(GroupCaller caller, kafka::LeaveGroupRequest request);

  // Topics that do not exist are the caller's to refuse; those in `request` are committed by name.
  aio::Task<kafka::OffsetCommitResponse> offset_commit(GroupCaller caller,
                                                       kafka::OffsetCommitRequest request);
  // `request` names its groups in `groups`, all of them of this shard; so does the response.
  aio::Task<kafka::OffsetFetchResponse> offset_fetch(GroupCaller caller, kafka::OffsetFetchRequest request);
  aio::Task<kafka::OffsetDeleteResponse> offset_delete(GroupCaller caller,
                                                       kafka::OffsetDeleteRequest request);
  // The groups of these three are all of this shard; list_groups lists those of this shard.
  aio::Task<kafka::DescribeGroupsResponse> describe_groups(GroupCaller caller,
                                                           kafka::DescribeGroupsRequest request);
  aio::Task<kafka::ListGroupsResponse> list_groups(GroupCaller caller, kafka::ListGroupsRequest request);
  aio::Task<kafka::DeleteGroupsResponse> delete_groups(GroupCaller caller,
                                                       kafka::DeleteGroupsRequest request);

  // Topics were deleted: their committed offsets go too.
  void on_topics_deleted(std::vector<std::string> topics);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace penstock::coordinator
