// Rebalances of dynamic members, step by step.
#include "tests/unit/broker/coordinator/group/shard_fixture.h"

namespace penstock::coordinator {
namespace {

using kafka::ErrorCode;

class Rebalance : public ShardFixture {};

TEST_F(Rebalance, FirstJoinIsToldItsMemberId) {
  const auto& response = joined(join(""));
  EXPECT_EQ(response.error_code, wire(ErrorCode::kMemberIdRequired));
  EXPECT_EQ(response.member_id, "client-suffix-1");
  EXPECT_EQ(state(), "Empty");
}

TEST_F(Rebalance, OldClientsJoinAtOnce) {
  const RequestId id = join("", 3);
  EXPECT_FALSE(is_answered(id));
  EXPECT_EQ(state(), "PreparingRebalance");
  advance(3'000);
  EXPECT_EQ(joined(id).generation_id, 1);
  EXPECT_EQ(joined(id).leader, joined(id).member_id);
  ASSERT_EQ(joined(id).members.size(), 1U);
  EXPECT_EQ(joined(id).members[0].metadata, subscription("t"));
}

TEST_F(Rebalance, ThreeMembersShareOneGeneration) {
  const auto members = stable_group(3);
  EXPECT_EQ(shard->group(kGroup)->generation(), 1);
  EXPECT_EQ(shard->group(kGroup)->members().size(), 3U);
  for (const Member& member : members) EXPECT_EQ(heartbeat(member), 0);
  const RequestId again = sync(members[1]);
  EXPECT_EQ(synced(again).assignment, assignment_of(members[1].member_id));
  EXPECT_EQ(synced(again).protocol_name, "range");
}

TEST_F(Rebalance, OnlyTheLeaderSeesTheMembers) {
  const RequestId first = join("", 3);
  const RequestId second = join("", 3);
  advance(6'000);
  EXPECT_EQ(joined(first).members.size(), 2U);
  EXPECT_TRUE(joined(second).members.empty());
  EXPECT_EQ(joined(second).leader, joined(first).member_id);
}

TEST_F(Rebalance, InitialDelayIsExtendedWhileMembersArrive) {
  const RequestId first = join("", 3);
  advance(2'000);
  const RequestId second = join("", 3);
  advance(2'000);
  EXPECT_FALSE(is_answered(first));
  advance(2'000);
  EXPECT_TRUE(is_answered(first));
  EXPECT_TRUE(is_answered(second));
}

TEST_F(Rebalance, InitialDelayEndsWithTheRebalanceTimeout) {
  kafka::JoinGroupRequest request;
  request.group_id = kGroup;
  request.session_timeout_ms = 10'000;
  request.rebalance_timeout_ms = 7'000;
  request.protocol_type = "consumer";
  request.protocols.emplace_back().name = "range";
  const RequestId first = join(request, 3);
  for (int i = 0; i < 4; ++i) {
    advance(1'700);
    join(request, 3);
  }
  EXPECT_FALSE(is_answered(first));
  advance(200);
  EXPECT_TRUE(is_answered(first));
}

TEST_F(Rebalance, MemberThatLeavesStartsARebalance) {
  const auto members = stable_group(3);
  EXPECT_EQ(get<kafka::LeaveGroupResponse>(leave(members[2].member_id)).members.at(0).error_code, 0);
  EXPECT_EQ(state(), "PreparingRebalance");
  EXPECT_EQ(heartbeat(members[0]), wire(ErrorCode::kRebalanceInProgress));
  const RequestId first = join(members[0].member_id);
  EXPECT_FALSE(is_answered(first));
  const RequestId second = join(members[1].member_id);
  EXPECT_EQ(joined(first).generation_id, 2);
  EXPECT_EQ(joined(second).generation_id, 2);
  EXPECT_EQ(heartbeat(members[0]), wire(ErrorCode::kIllegalGeneration));
}

TEST_F(Rebalance, LastMemberLeavesAnEmptyGroup) {
  const auto members = stable_group(1);
  leave(members[0].member_id);
  EXPECT_EQ(state(), "Empty");
  EXPECT_EQ(shard->group(kGroup)->generation(), 2);
  EXPECT_FALSE(shard->group(kGroup)->protocol_name());
  EXPECT_EQ(heartbeat(members[0]), wire(ErrorCode::kUnknownMemberId));
}

TEST_F(Rebalance, SilentMemberIsRemovedAndItsHeartbeatsRefused) {
  const auto members = stable_group(2);
  advance(6'000);
  EXPECT_EQ(heartbeat(members[0]), 0);
  advance(6'000);
  EXPECT_EQ(state(), "PreparingRebalance");
  EXPECT_EQ(heartbeat(members[1]), wire(ErrorCode::kUnknownMemberId));
  const RequestId id = join(members[0].member_id);
  EXPECT_EQ(joined(id).generation_id, 2);
  EXPECT_EQ(joined(id).members.size(), 1U);
}

TEST_F(Rebalance, LeaderThatDiesIsReplaced) {
  const auto members = stable_group(2);
  leave(members[0].member_id);
  const RequestId id = join(members[1].member_id);
  EXPECT_EQ(joined(id).leader, members[1].member_id);
  EXPECT_EQ(joined(id).members.size(), 1U);
}

TEST_F(Rebalance, MembersThatDoNotRejoinInTimeAreRemoved) {
  const auto members = stable_group(2);
  const RequestId id = join(members[0].member_id);
  EXPECT_EQ(state(), "PreparingRebalance");
  for (int i = 0; i < 12; ++i) {
    advance(5'000);
    if (i < 11) {
      EXPECT_EQ(heartbeat(members[1]), wire(ErrorCode::kRebalanceInProgress));
    }
  }
  EXPECT_EQ(joined(id).generation_id, 2);
  EXPECT_EQ(shard->group(kGroup)->members().size(), 1U);
}

TEST_F(Rebalance, MembersThatDoNotSyncAreRemoved) {
  const RequestId first = join("", 3);
  const RequestId second = join("", 3);
  advance(6'000);
  const Member leader{joined(first).member_id, 1, {}};
  const Member follower{joined(second).member_id, 1, {}};
  sync(leader, {leader.member_id, follower.member_id});
  EXPECT_EQ(state(), "Stable");
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(heartbeat(leader), 0);
    EXPECT_EQ(heartbeat(follower), 0);
    advance(5'000);
  }
  EXPECT_EQ(state(), "PreparingRebalance");
  EXPECT_FALSE(shard->group(kGroup)->has_member(follower.member_id));
}

TEST_F(Rebalance, NewMemberDuringSyncSendsEveryoneBack) {
  const RequestId first = join("", 3);
  const RequestId second = join("", 3);
  advance(6'000);
  const RequestId waiting = sync({joined(second).member_id, 1, {}});
  EXPECT_FALSE(is_answered(waiting));
  const RequestId third = join("", 3);
  EXPECT_EQ(synced(waiting).error_code, wire(ErrorCode::kRebalanceInProgress));
  EXPECT_FALSE(is_answered(third));
  EXPECT_EQ(synced(sync({joined(first).member_id, 1, {}})).error_code, wire(ErrorCode::kRebalanceInProgress));
}

TEST_F(Rebalance, LeaderMayForceARebalanceAFollowerMayNot) {
  const auto members = stable_group(2);
  const RequestId follower = join(members[1].member_id);
  EXPECT_EQ(joined(follower).generation_id, 1);
  EXPECT_EQ(state(), "Stable");
  EXPECT_FALSE(is_answered(join(members[0].member_id)));
  EXPECT_EQ(state(), "PreparingRebalance");
}

TEST_F(Rebalance, ChangedSubscriptionStartsARebalance) {
  const auto members = stable_group(2);
  EXPECT_FALSE(is_answered(join(members[1].member_id, 9, {}, "another")));
  EXPECT_EQ(state(), "PreparingRebalance");
}

TEST_F(Rebalance, PendingMemberHoldsUpTheJoinPhaseUntilItsSessionEnds) {
  const auto members = stable_group(1);
  const std::string pending = joined(join("")).member_id;
  const RequestId id = join(members[0].member_id);
  EXPECT_FALSE(is_answered(id));
  advance(10'000);
  EXPECT_TRUE(is_answered(id));
  EXPECT_EQ(joined(join(pending)).error_code, wire(ErrorCode::kUnknownMemberId));
}

TEST_F(Rebalance, RequestsAreCheckedAsKafkaDoes) {
  EXPECT_EQ(joined(join("", 9, {}, "t", "")).error_code, wire(ErrorCode::kInvalidGroupId));
  EXPECT_EQ(joined(join("nobody")).error_code, wire(ErrorCode::kUnknownMemberId));
  kafka::JoinGroupRequest request;
  request.group_id = kGroup;
  request.session_timeout_ms = 1;
  EXPECT_EQ(joined(join(request, 9)).error_code, wire(ErrorCode::kInvalidSessionTimeout));
  request.session_timeout_ms = 10'000;
  EXPECT_EQ(joined(join(request, 9)).error_code, wire(ErrorCode::kInconsistentGroupProtocol));
  EXPECT_EQ(state(), "none");
  const auto members = stable_group(1);
  request.protocol_type = "connect";
  request.protocols.emplace_back().name = "range";
  EXPECT_EQ(joined(join(request, 9)).error_code, wire(ErrorCode::kInconsistentGroupProtocol));
  request.protocol_type = "consumer";
  request.protocols[0].name = "sticky";
  EXPECT_EQ(joined(join(request, 9)).error_code, wire(ErrorCode::kInconsistentGroupProtocol));
  EXPECT_EQ(synced(sync({members[0].member_id, -5, {}})).error_code, wire(ErrorCode::kIllegalGeneration));
  EXPECT_EQ(synced(sync({"nobody", 1, {}})).error_code, wire(ErrorCode::kUnknownMemberId));
  kafka::SyncGroupRequest sync_request;
  sync_request.group_id = kGroup;
  sync_request.member_id = members[0].member_id;
  sync_request.generation_id = 1;
  sync_request.protocol_name = "sticky";
  const RequestId id(++last_request);
  shard->sync(id, sync_request, now);
  EXPECT_EQ(synced(settle(id)).error_code, wire(ErrorCode::kInconsistentGroupProtocol));
}

TEST_F(Rebalance, CommonProtocolWithMostVotesWins) {
  const auto request = [](std::vector<std::string> names) {
    kafka::JoinGroupRequest made;
    made.group_id = kGroup;
    made.session_timeout_ms = 10'000;
    made.rebalance_timeout_ms = 60'000;
    made.protocol_type = "consumer";
    for (const std::string& name : names) made.protocols.emplace_back().name = name;
    return made;
  };
  const RequestId first = join(request({"range", "sticky"}), 3);
  join(request({"sticky", "range"}), 3);
  join(request({"sticky", "range", "mine"}), 3);
  advance(6'000);
  EXPECT_EQ(joined(first).protocol_name, "sticky");
}

TEST_F(Rebalance, GroupIsBoundedInSize) {
  ASSERT_TRUE(config.load({{"group.max.size", "2"}}).has_value());
  stable_group(2);
  const std::size_t before = shard->group(kGroup)->members().size();
  EXPECT_EQ(joined(join("")).error_code, wire(ErrorCode::kGroupMaxSizeReached));
  EXPECT_EQ(shard->group(kGroup)->members().size(), before);
}

TEST_F(Rebalance, NewMemberThatIsNotHeardOfIsGivenUpAfterFiveMinutes) {
  const auto members = stable_group(1);
  const RequestId id = join("", 3);
  for (int i = 0; i < 10; ++i) {
    advance(5'000);
    heartbeat(members[0]);
  }
  EXPECT_FALSE(is_answered(id));
  advance(15'000);  // The join phase ends without the old member; the new one leads.
  EXPECT_EQ(joined(id).leader, joined(id).member_id);
}

TEST_F(Rebalance, AnswersWaitForTheCommit) {
  commits_at_once = false;
  const RequestId id = join("", 3);
  advance(3'000);
  const Member leader{joined(id).member_id, 1, {}};
  const RequestId waiting = sync(leader, {leader.member_id});
  EXPECT_FALSE(is_answered(waiting));
  EXPECT_EQ(state(), "CompletingRebalance");
  commit_all();
  EXPECT_EQ(synced(waiting).assignment, assignment_of(leader.member_id));
  EXPECT_EQ(state(), "Stable");
}

TEST_F(Rebalance, AssignmentThatIsNotReplicatedInTimeIsVoid) {
  commits_at_once = false;
  const RequestId id = join("", 3);
  advance(3'000);
  const Member leader{joined(id).member_id, 1, {}};
  const RequestId waiting = sync(leader, {leader.member_id});
  advance(5'000);
  EXPECT_EQ(synced(waiting).error_code, wire(ErrorCode::kCoordinatorNotAvailable));
  EXPECT_EQ(state(), "PreparingRebalance");
}

TEST_F(Rebalance, LogThatRefusesIsReported) {
  const RequestId id = join("", 3);
  advance(3'000);
  const Member leader{joined(id).member_id, 1, {}};
  writer.failure = base::Errc::kUnavailable;
  EXPECT_EQ(synced(sync(leader, {leader.member_id})).error_code, wire(ErrorCode::kCoordinatorNotAvailable));
  EXPECT_EQ(joined(join("", 9, {}, "t", "other")).error_code, wire(ErrorCode::kCoordinatorNotAvailable));
  EXPECT_EQ(state("other"), "none");
}

TEST_F(Rebalance, ResigningAnswersEveryoneWhoWaits) {
  commits_at_once = false;
  const RequestId first = join("", 3);
  const RequestId second = join("", 3);
  advance(6'000);
  const RequestId follower = sync({joined(second).member_id, 1, {}});
  const RequestId leader = sync({joined(first).member_id, 1, {}}, {joined(first).member_id});
  const RequestId joiner = join("", 3, {}, "t", "other");
  shard->resign(now);
  collect();
  EXPECT_EQ(synced(follower).error_code, wire(ErrorCode::kNotCoordinator));
  EXPECT_EQ(synced(leader).error_code, wire(ErrorCode::kNotCoordinator));
  EXPECT_EQ(joined(joiner).error_code, wire(ErrorCode::kNotCoordinator));
}

}  // namespace
}  // namespace penstock::coordinator
