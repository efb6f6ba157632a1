// Static members (KIP-345): restarts without rebalances, fencing of twins.
#include "tests/unit/broker/coordinator/group/shard_fixture.h"

namespace penstock::coordinator {
namespace {

using kafka::ErrorCode;

class StaticMember : public ShardFixture {};

TEST_F(StaticMember, RestartKeepsTheGeneration) {
  const auto members = stable_group(2, {"a", "b"});
  const Member& follower = members[1];
  const RequestId id = join("", 9, follower.instance_id);
  EXPECT_EQ(joined(id).generation_id, 1);
  EXPECT_NE(joined(id).member_id, follower.member_id);
  EXPECT_FALSE(joined(id).skip_assignment);
  EXPECT_EQ(state(), "Stable");
  // It finds its assignment, which is still under its old id, and the old id is fenced.
  const RequestId again = sync({joined(id).member_id, 1, follower.instance_id});
  EXPECT_EQ(synced(again).assignment, assignment_of(follower.member_id));
  EXPECT_EQ(heartbeat(follower), wire(ErrorCode::kFencedInstanceId));
  EXPECT_EQ(commit_error(commit(follower, 1)), wire(ErrorCode::kFencedInstanceId));
  EXPECT_EQ(joined(join(follower.member_id, 9, follower.instance_id)).error_code,
            wire(ErrorCode::kFencedInstanceId));
}

TEST_F(StaticMember, RestartedLeaderIsToldToKeepTheAssignment) {
  const auto members = stable_group(2, {"a", "b"});
  const RequestId id = join("", 9, members[0].instance_id);
  EXPECT_TRUE(joined(id).skip_assignment);
  EXPECT_EQ(joined(id).leader, joined(id).member_id);
  EXPECT_EQ(joined(id).members.size(), 2U);
}

TEST_F(StaticMember, OldClientIsNotToldThatItLeads) {
  const auto members = stable_group(2, {"a", "b"});
  const RequestId id = join("", 8, members[0].instance_id);
  EXPECT_EQ(joined(id).leader, members[0].member_id);
  EXPECT_TRUE(joined(id).members.empty());
}

TEST_F(StaticMember, RestartWithOtherTopicsStillStable) {
  // Kafka stores the new subscription; the leader finds out at the next rebalance.
  const auto members = stable_group(2, {"a", "b"});
  EXPECT_TRUE(is_answered(join("", 9, members[1].instance_id, "another")));
  EXPECT_EQ(state(), "Stable");
}

TEST_F(StaticMember, TwinThatWaitsIsFenced) {
  const RequestId first = join("", 9, "a");
  const RequestId second = join("", 9, "a");
  EXPECT_EQ(joined(first).error_code, wire(ErrorCode::kFencedInstanceId));
  EXPECT_FALSE(is_answered(second));
  advance(3'000);
  EXPECT_EQ(joined(second).error_code, 0);
}

TEST_F(StaticMember, DuringSyncARestartStartsOver) {
  const RequestId first = join("", 9, "a");
  const RequestId second = join("", 9, "b");
  advance(6'000);
  const RequestId waiting = sync({joined(second).member_id, 1, "b"});
  const RequestId again = join("", 9, "a");
  EXPECT_EQ(synced(waiting).error_code, wire(ErrorCode::kRebalanceInProgress));
  EXPECT_EQ(state(), "PreparingRebalance");
  EXPECT_FALSE(is_answered(again));
  EXPECT_EQ(joined(first).error_code, 0);
}

TEST_F(StaticMember, IsKeptWhenItDoesNotRejoinUntilItsSessionEnds) {
  const auto members = stable_group(2, {"a", std::nullopt});
  const Member& dynamic = members[0].instance_id ? members[1] : members[0];
  const Member& fixed = members[0].instance_id ? members[0] : members[1];
  leave(dynamic.member_id);
  EXPECT_TRUE(shard->group(kGroup)->has_member(fixed.member_id));
  advance(10'000);
  EXPECT_EQ(state(), "Empty");
}

TEST_F(StaticMember, AdministratorRemovesByInstanceId) {
  stable_group(2, {"a", "b"});
  const auto& response = get<kafka::LeaveGroupResponse>(leave("", "b"));
  EXPECT_EQ(response.members.at(0).error_code, 0);
  EXPECT_EQ(response.members.at(0).group_instance_id, "b");
  EXPECT_EQ(shard->group(kGroup)->members().size(), 1U);
  EXPECT_EQ(get<kafka::LeaveGroupResponse>(leave("", "b")).members.at(0).error_code,
            wire(ErrorCode::kUnknownMemberId));
}

TEST_F(StaticMember, RestartThatCannotBeStoredIsUndone) {
  const auto members = stable_group(2, {"a", "b"});
  writer.failure = base::Errc::kUnavailable;
  const RequestId id = join("", 9, members[1].instance_id);
  EXPECT_EQ(joined(id).error_code, wire(ErrorCode::kCoordinatorNotAvailable));
  writer.failure.reset();
  EXPECT_EQ(heartbeat(members[1]), 0);
  EXPECT_EQ(state(), "Stable");
}

}  // namespace
}  // namespace penstock::coordinator
