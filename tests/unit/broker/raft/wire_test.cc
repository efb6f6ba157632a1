// What one node says in Kafka's messages another understands.
#include "broker/raft/wire.h"

#include <gtest/gtest.h>

#include <limits>

#include "broker/raft/quorum_history.h"
#include "kafka/codec.h"

namespace penstock::raft {
namespace {

const WireIdentity kSelf{"cluster", "CONTROLLER", {{"CONTROLLER", "one", 9093}}};
const ReplicaKey kOne{NodeId(1), base::Uuid{1, 1}};
const ReplicaKey kTwo{NodeId(2), base::Uuid{1, 2}};

// Through the bytes of a version.
template <typename Message>
Message over_the_wire(const Message& message, std::int16_t version) {
  base::ByteWriter writer;
  EXPECT_TRUE(kafka::encode(message, version, writer).has_value());
  const auto bytes = std::make_shared<const base::Bytes>(writer.take());
  base::ByteReader reader(*bytes);
  auto decoded = kafka::decode<Message>(reader, version, bytes);
  EXPECT_TRUE(decoded.has_value());
  return std::move(*decoded);
}

TEST(RaftWire, VotesGoThere) {
  const VoteAsk ask{.id = 5,
                    .from = kOne,
                    .to = kTwo,
                    .epoch = LeaderEpoch(7),
                    .last = {Offset(40), LeaderEpoch(6)},
                    .is_pre_vote = true};
  const auto heard = read_ask(kSelf, NodeId(2), over_the_wire(to_request(kSelf, ask), 2));
  ASSERT_TRUE(heard.has_value());
  EXPECT_EQ(heard->from, kOne);
  EXPECT_EQ(heard->to, kTwo);
  EXPECT_EQ(heard->epoch, LeaderEpoch(7));
  EXPECT_EQ(heard->last, ask.last);
  EXPECT_TRUE(heard->is_pre_vote);

  const WireIdentity stranger{"another", "CONTROLLER", {}};
  EXPECT_EQ(read_ask(stranger, NodeId(2), to_request(kSelf, ask)).error(),
            kafka::ErrorCode::kInconsistentClusterId);
}

TEST(RaftWire, AVoteInNoEpochIsRefused) {
  VoteAsk ask{.id = 5, .from = kOne, .to = kTwo, .last = {Offset(0), LeaderEpoch(0)}};
  for (const std::int32_t epoch : {-1, std::numeric_limits<std::int32_t>::min()}) {
    ask.epoch = LeaderEpoch(epoch);
    EXPECT_EQ(read_ask(kSelf, NodeId(2), to_request(kSelf, ask)).error(), kafka::ErrorCode::kInvalidRequest);
  }
}

TEST(RaftWire, VotesComeBackWithTheLeader) {
  const VoteAsk ask{.id = 5, .is_pre_vote = true};
  const VoteAnswer said{
      .refusal = Refusal::kNone, .epoch = LeaderEpoch(7), .leader = NodeId(1), .is_granted = true};
  const auto response = over_the_wire(to_response(said, NodeEndpoint{NodeId(1), "one", 9093}), 1);
  const auto heard = read_answer(ask, NodeId(2), response);
  ASSERT_TRUE(heard.has_value());
  EXPECT_EQ(heard->answer.id, 5U);
  EXPECT_EQ(heard->answer.from, NodeId(2));
  EXPECT_TRUE(heard->answer.is_granted);
  EXPECT_TRUE(heard->answer.is_pre_vote);
  EXPECT_EQ(heard->leader, (NodeEndpoint{NodeId(1), "one", 9093}));
}

TEST(RaftWire, ANewLeaderSaysWhereItIs) {
  const BeginEpochAsk ask{.to = kTwo, .leader = NodeId(1), .epoch = LeaderEpoch(8)};
  const auto request = over_the_wire(to_request(kSelf, ask), 1);
  const auto heard = read_ask(kSelf, NodeId(2), request);
  ASSERT_TRUE(heard.has_value());
  EXPECT_EQ(heard->to, kTwo);
  EXPECT_EQ(leader_of(kSelf, request, NodeId(1)), (NodeEndpoint{NodeId(1), "one", 9093}));

  const EndEpochAsk end{.leader = NodeId(1), .epoch = LeaderEpoch(8), .preferred = {kTwo, kOne}};
  const auto goodbye = read_ask(kSelf, NodeId(2), over_the_wire(to_request(kSelf, end), 1));
  ASSERT_TRUE(goodbye.has_value());
  EXPECT_EQ(goodbye->preferred, end.preferred);
}

TEST(RaftWire, FetchesKeepTheirEpochsAndWaits) {
  const FetchAsk ask{.id = 3,
                     .from = kTwo,
                     .epoch = LeaderEpoch(8),
                     .offset = Offset(41),
                     .last_fetched_epoch = LeaderEpoch(7),
                     .high_watermark = Offset(40),
                     .wait = base::milliseconds(500)};
  for (const std::int16_t version : {17, 18}) {
    const auto heard = read_ask(kSelf, NodeId(1), over_the_wire(to_request(kSelf, ask), version));
    ASSERT_TRUE(heard.has_value());
    EXPECT_EQ(heard->from, kTwo);
    EXPECT_EQ(heard->offset, Offset(41));
    EXPECT_EQ(heard->last_fetched_epoch, LeaderEpoch(7));
    EXPECT_EQ(heard->wait, base::milliseconds(500));
    // A follower of before is never told early of a new high watermark.
    EXPECT_EQ(heard->high_watermark, version == 18 ? Offset(40) : Offset(INT64_MAX));
  }
}

TEST(RaftWire, PiecesOfSnapshotsGoThereAndComeBack) {
  const SnapshotAsk ask{.id = 3,
                        .from = kTwo,
                        .epoch = LeaderEpoch(8),
                        .snapshot = {Offset(40), LeaderEpoch(7)},
                        .position = 1000,
                        .bytes_max = 500};
  auto request = over_the_wire(to_request(kSelf, ask), 1);
  const auto heard = read_ask(kSelf, NodeId(1), request);
  ASSERT_TRUE(heard.has_value());
  EXPECT_EQ(heard->from, kTwo);
  EXPECT_EQ(heard->epoch, LeaderEpoch(8));
  EXPECT_EQ(heard->snapshot, ask.snapshot);
  EXPECT_EQ(heard->position, 1000);
  EXPECT_EQ(heard->bytes_max, 500);

  SnapshotAnswer said{.epoch = LeaderEpoch(8), .leader = NodeId(1), .snapshot = ask.snapshot};
  said.size_bytes = 1003;
  said.position = 1000;
  said.piece = {1, 2, 3};
  const LeaderAt at = NodeEndpoint{NodeId(1), "one", 9093};
  const auto answer = read_answer(ask, NodeId(1), over_the_wire(to_response(said, at), 1));
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->leader, at);
  EXPECT_EQ(answer->answer.from, NodeId(1));
  EXPECT_EQ(answer->answer.snapshot, ask.snapshot);
  EXPECT_EQ(answer->answer.size_bytes, 1003);
  EXPECT_EQ(answer->answer.position, 1000);
  EXPECT_EQ(answer->answer.piece, said.piece);

  said.refusal = Refusal::kNoSnapshot;
  const auto gone = over_the_wire(to_response(said, at), 1);
  EXPECT_EQ(gone.topics.front().partitions.front().error_code, 98);
  EXPECT_EQ(read_answer(ask, NodeId(1), gone)->answer.refusal, Refusal::kNoSnapshot);

  request.topics.front().name = "orders";
  const auto unknown = read_ask(kSelf, NodeId(1), request);
  ASSERT_FALSE(unknown.has_value());
  const auto refused = refuse_snapshot(request, unknown.error());
  EXPECT_EQ(refused.error_code, 0);
  EXPECT_EQ(refused.topics.front().name, "orders");
  EXPECT_EQ(refused.topics.front().partitions.front().error_code, 3);
  request.cluster_id = "another";
  EXPECT_EQ(read_ask(kSelf, NodeId(1), request).error(), kafka::ErrorCode::kInconsistentClusterId);
  request.cluster_id = kSelf.cluster_id;
  request.topics.clear();
  EXPECT_EQ(read_ask(kSelf, NodeId(1), request).error(), kafka::ErrorCode::kInvalidRequest);
}

TEST(RaftWire, ASnapshotInPlaceOfTheLogHasBothOfItsNumbers) {
  FetchAnswer said{.epoch = LeaderEpoch(8), .leader = NodeId(1)};
  said.snapshot = {Offset(40), LeaderEpoch(7)};
  auto response = over_the_wire(to_response(said, std::nullopt, Offset(30)), 17);
  EXPECT_EQ(read_answer(FetchAsk{}, NodeId(1), response)->answer.snapshot, said.snapshot);
  response.responses.front().partitions.front().snapshot_id.end_offset = -1;
  EXPECT_FALSE(read_answer(FetchAsk{}, NodeId(1), response).has_value());
}

TEST(RaftWire, HalfABatchAtTheEndIsLeftOut) {
  VoterSet voters;
  voters.push_back({kOne, {{"CONTROLLER", "one", 9093}}});
  const auto batch = start_of_epoch_batch(
      {.base_offset = Offset(0), .epoch = LeaderEpoch(1), .leader = NodeId(1), .with_voters = true}, voters);
  ASSERT_TRUE(batch.has_value());
  FetchAnswer said{.epoch = LeaderEpoch(1), .leader = NodeId(1), .high_watermark = Offset(3)};
  said.records = *batch;
  said.records.insert(said.records.end(), batch->begin(), batch->begin() + 20);
  const auto heard = read_answer(FetchAsk{.id = 3}, kafka::kNoNode,
                                 over_the_wire(to_response(said, std::nullopt, Offset(0)), 17));
  ASSERT_TRUE(heard.has_value());
  EXPECT_EQ(heard->answer.from, NodeId(1)) << "only the leader answers without an error";
  EXPECT_EQ(heard->answer.records, *batch);
}

TEST(QuorumHistory, VotersAreThoseOfTheLogsEndAndGoBackWithIt) {
  const auto batch_of = [](Offset offset, std::int32_t voter) {
    VoterSet voters;
    voters.push_back({{NodeId(voter), base::Uuid{1, 1}}, {}});
    return start_of_epoch_batch(
               {.base_offset = offset, .epoch = LeaderEpoch(1), .leader = NodeId(1), .with_voters = true},
               voters)
        .value();
  };
  QuorumHistory history({}, false);
  EXPECT_TRUE(history.voters().empty());
  EXPECT_FALSE(history.has_voters_in_log());
  ASSERT_TRUE(history.absorb(batch_of(Offset(0), 1)).has_value());
  ASSERT_TRUE(history.absorb(batch_of(Offset(10), 2)).has_value());
  EXPECT_EQ(history.voters().front().key.id, NodeId(2));
  EXPECT_EQ(history.kraft_version(), 1);
  EXPECT_EQ(history.at(Offset(10)).voters->front().key.id, NodeId(1));
  history.truncate_to(Offset(10));
  EXPECT_EQ(history.voters().front().key.id, NodeId(1));
  history.truncate_to(Offset(0));
  EXPECT_TRUE(history.voters().empty());
}

}  // namespace
}  // namespace penstock::raft
