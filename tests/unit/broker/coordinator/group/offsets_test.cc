// Committed offsets: who may commit, what is read back, and when offsets and groups go.
#include "tests/unit/broker/coordinator/group/shard_fixture.h"

namespace penstock::coordinator {
namespace {

using kafka::ErrorCode;

class Offsets : public ShardFixture {
 public:
  RequestId delete_group(const std::string& group_id) {
    kafka::DeleteGroupsRequest request;
    request.groups_names = {group_id};
    const RequestId id(++last_request);
    shard->delete_groups(id, request, now);
    return settle(id);
  }
  RequestId delete_offset(const std::string& topic) {
    kafka::OffsetDeleteRequest request;
    request.group_id = kGroup;
    auto& asked = request.topics.emplace_back();
    asked.name = topic;
    asked.partitions.emplace_back();
    const RequestId id(++last_request);
    shard->offset_delete(id, request, now);
    return settle(id);
  }
  static constexpr std::int64_t kRetentionMs = 7LL * 24 * 3'600 * 1'000;
};

TEST_F(Offsets, SimpleConsumerNeedsNoGroup) {
  EXPECT_EQ(commit_error(commit({}, 42)), 0);
  EXPECT_EQ(fetched(fetch(false)), 42);
  EXPECT_EQ(fetched(fetch(false, "unknown")), -1);
  EXPECT_EQ(state(), "Empty");
  EXPECT_EQ(fetched(fetch(false, "t", "no such group")), -1);
}

TEST_F(Offsets, OnlyMembersOfTheGenerationMayCommit) {
  const auto members = stable_group(1);
  EXPECT_EQ(commit_error(commit(members[0], 7)), 0);
  EXPECT_EQ(commit_error(commit({}, 8)), wire(ErrorCode::kUnknownMemberId));
  EXPECT_EQ(commit_error(commit({members[0].member_id, 5, {}}, 8)), wire(ErrorCode::kIllegalGeneration));
  EXPECT_EQ(commit_error(commit({"nobody", 1, {}}, 8)), wire(ErrorCode::kUnknownMemberId));
  EXPECT_EQ(commit_error(commit({"x", 1, {}}, 8, "", "t", 9, "none")), wire(ErrorCode::kGroupIdNotFound));
  EXPECT_EQ(commit_error(commit({"x", 1, {}}, 8, "", "t", 8, "none")), wire(ErrorCode::kIllegalGeneration));
  EXPECT_EQ(fetched(fetch(true)), 7);
}

TEST_F(Offsets, CommitWhileSyncingIsARebalance) {
  const RequestId id = join("", 3);
  advance(3'000);
  EXPECT_EQ(commit_error(commit({joined(id).member_id, 1, {}}, 8)), wire(ErrorCode::kRebalanceInProgress));
}

TEST_F(Offsets, BadValuesAreRefusedOneByOne) {
  EXPECT_EQ(commit_error(commit({}, 1, std::string(4'096, 'x'))), 0);
  EXPECT_EQ(commit_error(commit({}, 2, std::string(4'097, 'x'))), wire(ErrorCode::kOffsetMetadataTooLarge));
  EXPECT_EQ(commit_error(commit({}, -2)), wire(ErrorCode::kInvalidRequest));
  EXPECT_EQ(fetched(fetch(false)), 1);
}

TEST_F(Offsets, MetadataIsCountedAsJavaDoes) {
  std::string text;
  for (int i = 0; i < 4'096; ++i) text += "\xc3\xa4";
  EXPECT_EQ(commit_error(commit({}, 1, text)), 0);
  EXPECT_EQ(commit_error(commit({}, 1, text + "x")), wire(ErrorCode::kOffsetMetadataTooLarge));
}

TEST_F(Offsets, CommitKeepsTheMemberAlive) {
  const auto members = stable_group(1);
  for (int i = 0; i < 4; ++i) {
    advance(6'000);
    EXPECT_EQ(commit_error(commit(members[0], i)), 0);
  }
}

TEST_F(Offsets, ReadersSeeWhatIsReplicated) {
  commits_at_once = false;
  const RequestId first = commit({}, 1);
  EXPECT_FALSE(is_answered(first));
  EXPECT_EQ(fetched(fetch(false)), -1);
  const RequestId stable = fetch(true);
  EXPECT_FALSE(is_answered(stable));
  commit_all();
  EXPECT_EQ(fetched(stable), 1);
  EXPECT_EQ(fetched(fetch(false)), 1);
  commit({}, 2);
  EXPECT_EQ(fetched(fetch(false)), 1);
  commit_all();
  EXPECT_EQ(fetched(fetch(false)), 2);
}

TEST_F(Offsets, CommitThatIsNotReplicatedInTimeFailsAndMayStillCount) {
  commits_at_once = false;
  const RequestId id = commit({}, 1);
  advance(5'000);
  EXPECT_EQ(commit_error(id), wire(ErrorCode::kCoordinatorNotAvailable));
  commit_all();
  EXPECT_EQ(fetched(fetch(false)), 1);
}

TEST_F(Offsets, LostLeadershipFailsTheCommit) {
  writer.failure = base::Errc::kConflict;
  EXPECT_EQ(commit_error(commit({}, 1)), wire(ErrorCode::kNotCoordinator));
  EXPECT_EQ(fetched(fetch(false)), -1);
}

TEST_F(Offsets, OpenTransactionMakesAnOffsetUnstable) {
  const CoordinatorRecord record = offset_record({kGroup, "t", 0}, [] {
    kafka::OffsetCommitValue value;
    value.offset = 9;
    return value;
  }());
  const kafka::ProducerId producer(5);
  ASSERT_TRUE(shard->replay(kafka::Offset(0), producer, record.key, base::ByteSpan(*record.value), 0));
  EXPECT_EQ(get<kafka::OffsetFetchResponse>(fetch(true)).groups[0].topics[0].partitions[0].error_code,
            wire(ErrorCode::kUnstableOffsetCommit));
  EXPECT_EQ(fetched(fetch(false)), -1);
  shard->end_transaction(producer, true, kafka::Offset(1), 0);
  shard->on_committed(kafka::Offset(2), now);
  EXPECT_EQ(fetched(fetch(true)), 9);
}

TEST_F(Offsets, AbortedTransactionLeavesNothing) {
  const CoordinatorRecord record = offset_record({kGroup, "t", 0}, {});
  const kafka::ProducerId producer(5);
  ASSERT_TRUE(shard->replay(kafka::Offset(0), producer, record.key, base::ByteSpan(*record.value), 0));
  shard->end_transaction(producer, false, kafka::Offset(1), 0);
  EXPECT_EQ(fetched(fetch(true)), -1);
}

TEST_F(Offsets, DeletedTopicTakesItsOffsetsAlong) {
  commit({}, 1);
  commit({}, 2, "", "kept");
  shard->on_topics_deleted({"t"}, now);
  commit_all();
  EXPECT_EQ(fetched(fetch(false)), -1);
  EXPECT_EQ(fetched(fetch(false, "kept")), 2);
}

TEST_F(Offsets, OnlyUnsubscribedTopicsCanBeDeleted) {
  EXPECT_EQ(get<kafka::OffsetDeleteResponse>(delete_offset("t")).error_code,
            wire(ErrorCode::kGroupIdNotFound));
  const auto members = stable_group(1);
  commit(members[0], 1);
  commit(members[0], 2, "", "old");
  const auto& refused = get<kafka::OffsetDeleteResponse>(delete_offset("t"));
  EXPECT_EQ(refused.topics.at(0).partitions.at(0).error_code, wire(ErrorCode::kGroupSubscribedToTopic));
  EXPECT_EQ(get<kafka::OffsetDeleteResponse>(delete_offset("old")).topics.at(0).partitions.at(0).error_code,
            0);
  EXPECT_EQ(fetched(fetch(true)), 1);
  EXPECT_EQ(fetched(fetch(true, "old")), -1);
}

TEST_F(Offsets, OnlyEmptyGroupsCanBeDeleted) {
  const auto error = [this](RequestId id) {
    return get<kafka::DeleteGroupsResponse>(id).results.at(0).error_code;
  };
  EXPECT_EQ(error(delete_group("none")), wire(ErrorCode::kGroupIdNotFound));
  const auto members = stable_group(1);
  commit(members[0], 1);
  EXPECT_EQ(error(delete_group(kGroup)), wire(ErrorCode::kNonEmptyGroup));
  leave(members[0].member_id);
  EXPECT_EQ(error(delete_group(kGroup)), 0);
  EXPECT_EQ(state(), "none");
  EXPECT_EQ(fetched(fetch(true)), -1);
}

TEST_F(Offsets, ManyOffsetsAreDeletedInSeveralBatches) {
  for (int i = 0; i < 2'500; ++i) commit({}, i, "", "topic" + std::to_string(i));
  const std::size_t before = writer.records.size();
  EXPECT_EQ(get<kafka::DeleteGroupsResponse>(delete_group(kGroup)).results.at(0).error_code, 0);
  EXPECT_EQ(writer.records.size() - before, 2'501U);
  EXPECT_TRUE(shard->stored_state().empty());
}

TEST_F(Offsets, OfAnEmptyGroupExpireAfterRetentionSinceItBecameEmpty) {
  const auto members = stable_group(1);
  commit(members[0], 1);
  leave(members[0].member_id);
  advance(kRetentionMs - 1'000'000);
  EXPECT_EQ(fetched(fetch(false)), 1);
  advance(2'000'000);
  EXPECT_EQ(fetched(fetch(false)), -1);
  EXPECT_EQ(state(), "none");
}

TEST_F(Offsets, OfASimpleConsumerExpireAfterTheLastCommit) {
  commit({}, 1);
  advance(kRetentionMs / 2);
  commit({}, 2);
  advance(kRetentionMs / 2 + 1'000'000);
  EXPECT_EQ(fetched(fetch(false)), 2);
  advance(kRetentionMs / 2 + 1'000'000);
  EXPECT_EQ(fetched(fetch(false)), -1);
}

TEST_F(Offsets, OldClientsChooseTheirRetention) {
  kafka::OffsetCommitRequest request;
  request.group_id = kGroup;
  request.retention_time_ms = 1'000;
  auto& topic = request.topics.emplace_back();
  topic.name = "t";
  topic.partitions.emplace_back().committed_offset = 3;
  const RequestId id(++last_request);
  shard->offset_commit(id, {"client", "127.0.0.1", 4}, request, now);
  EXPECT_EQ(commit_error(settle(id)), 0);
  EXPECT_EQ(fetched(fetch(false)), 3);
  advance(600'000);
  EXPECT_EQ(fetched(fetch(false)), -1);

  // For ever is not in the past.
  request.retention_time_ms = INT64_MAX;
  const RequestId second(++last_request);
  shard->offset_commit(second, {"client", "127.0.0.1", 4}, request, now);
  EXPECT_EQ(commit_error(settle(second)), 0);
  advance(600'000);
  EXPECT_EQ(fetched(fetch(false)), 3);
}

TEST_F(Offsets, ListAndDescribeShowTheGroup) {
  const auto members = stable_group(2);
  commit({}, 1, "", "t", 9, "simple");
  kafka::ListGroupsRequest list;
  EXPECT_EQ(shard->list(list).groups.size(), 2U);
  list.states_filter = {"stable"};
  ASSERT_EQ(shard->list(list).groups.size(), 1U);
  EXPECT_EQ(shard->list(list).groups[0].group_type, "classic");
  EXPECT_EQ(shard->list(list).groups[0].protocol_type, "consumer");
  list.types_filter = {"consumer"};
  EXPECT_TRUE(shard->list(list).groups.empty());
  list.types_filter = {"Classic"};
  EXPECT_EQ(shard->list(list).groups.size(), 1U);

  kafka::DescribeGroupsRequest describe;
  describe.groups = {kGroup, "none"};
  const auto response = shard->describe({"c", "h", 6}, describe);
  EXPECT_EQ(response.groups.at(0).group_state, "Stable");
  EXPECT_EQ(response.groups.at(0).protocol_data, "range");
  ASSERT_EQ(response.groups.at(0).members.size(), 2U);
  EXPECT_EQ(response.groups.at(0).members[0].client_host, "/127.0.0.1");
  EXPECT_EQ(response.groups.at(0).members[0].member_metadata, subscription("t"));
  EXPECT_EQ(response.groups.at(1).group_state, "Dead");
  EXPECT_EQ(response.groups.at(1).error_code, wire(ErrorCode::kGroupIdNotFound));
  EXPECT_EQ(shard->describe({"c", "h", 5}, describe).groups.at(1).error_code, 0);
}

}  // namespace
}  // namespace penstock::coordinator
