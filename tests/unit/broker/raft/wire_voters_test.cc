// Changes of the voters in Kafka's messages.
#include "broker/raft/wire_voters.h"

#include <gtest/gtest.h>

#include "kafka/codec.h"

namespace penstock::raft {
namespace {

using kafka::ErrorCode;

const WireIdentity kSelf{"cluster", "CONTROLLER", {{"CONTROLLER", "one", 9093}}};
const Voter kTwo{{NodeId(2), base::Uuid{1, 2}}, {{"CONTROLLER", "two", 9093}, {"OTHER", "two", 9094}}};

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

TEST(RaftWireVoters, QuestionsGoThere) {
  const auto add = read_ask(
      kSelf,
      over_the_wire(to_request(kSelf, AddVoterAsk{.voter = kTwo, .is_answered_when_committed = false}), 1));
  ASSERT_TRUE(add.has_value());
  EXPECT_EQ(add->voter, kTwo);
  EXPECT_FALSE(add->is_answered_when_committed);
  EXPECT_TRUE(read_ask(kSelf, over_the_wire(to_request(kSelf, AddVoterAsk{.voter = kTwo}), 0))
                  ->is_answered_when_committed);
  const auto remove = read_ask(kSelf, over_the_wire(to_request(kSelf, RemoveVoterAsk{.voter = kTwo.key}), 0));
  ASSERT_TRUE(remove.has_value());
  EXPECT_EQ(remove->voter, kTwo.key);
  const auto update = read_ask(
      kSelf, over_the_wire(to_request(kSelf, UpdateVoterAsk{.epoch = LeaderEpoch(7), .voter = kTwo}), 0));
  ASSERT_TRUE(update.has_value());
  EXPECT_EQ(update->voter, kTwo);
  EXPECT_EQ(update->epoch, LeaderEpoch(7));
}

TEST(RaftWireVoters, QuestionsThatAreNoneAreRefused) {
  auto request = to_request(kSelf, AddVoterAsk{.voter = kTwo});
  request.cluster_id = "another";
  EXPECT_EQ(read_ask(kSelf, request).error().code, ErrorCode::kInconsistentClusterId);
  request.cluster_id = std::nullopt;
  EXPECT_TRUE(read_ask(kSelf, request).has_value());
  request.voter_directory_id = {};
  EXPECT_EQ(read_ask(kSelf, request).error().code, ErrorCode::kInvalidRequest);
  request.voter_directory_id = kTwo.key.directory;
  request.voter_id = -1;
  EXPECT_EQ(read_ask(kSelf, request).error().code, ErrorCode::kInvalidRequest);
  request.voter_id = 2;
  request.listeners.erase(request.listeners.begin());
  const auto refused = read_ask(kSelf, request);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidRequest);
  EXPECT_NE(refused.error().reason.find("CONTROLLER"), std::string::npos);
  auto update = to_request(kSelf, UpdateVoterAsk{.voter = kTwo});
  update.kraft_version_feature.max_supported_version = -1;
  EXPECT_EQ(read_ask(kSelf, update).error().code, ErrorCode::kInvalidRequest);
}

TEST(RaftWireVoters, AnswersComeBack) {
  kafka::RemoveRaftVoterResponse removed;
  removed.error_code = kafka::to_wire(ErrorCode::kVoterNotFound);
  removed.error_message = "no";
  const auto heard = read_answer(RemoveVoterAsk{.id = 5}, NodeId(1), over_the_wire(removed, 0));
  ASSERT_TRUE(heard.has_value());
  EXPECT_EQ(heard->answer.id, 5U);
  EXPECT_EQ(heard->answer.refusal, Refusal::kVoterNotFound);
  EXPECT_EQ(heard->answer.reason, "no");
  kafka::UpdateRaftVoterResponse updated;
  updated.current_leader = {.leader_id = 3, .leader_epoch = 9, .host = "three", .port = 9093};
  const auto led = read_answer(UpdateVoterAsk{.id = 6}, NodeId(1), over_the_wire(updated, 0));
  ASSERT_TRUE(led.has_value());
  EXPECT_EQ(led->answer.epoch, LeaderEpoch(9));
  EXPECT_EQ(led->leader, (NodeEndpoint{NodeId(3), "three", 9093}));
  for (const auto refusal :
       {Refusal::kTimedOut, Refusal::kDuplicateVoter, Refusal::kVoterNotFound, Refusal::kUnsupported}) {
    EXPECT_EQ(to_refusal(kafka::to_wire(to_error(refusal))), refusal);
  }
}

TEST(RaftWireVoters, ANewVoterTellsItsVersions) {
  kafka::ApiVersionsResponse response;
  const auto none = read_answer(VersionsAsk{.id = 4}, NodeId(2), over_the_wire(response, 4));
  EXPECT_EQ(none->answer.id, 4U);
  EXPECT_FALSE(none->answer.kraft_version_min.has_value());
  response.supported_features.push_back({.name = "kraft.version", .min_version = 0, .max_version = 1});
  const auto some = read_answer(VersionsAsk{}, NodeId(2), over_the_wire(response, 4));
  EXPECT_EQ(some->answer.kraft_version_min, 0);
  EXPECT_EQ(some->answer.kraft_version_max, 1);
  response.error_code = kafka::to_wire(ErrorCode::kUnsupportedVersion);
  EXPECT_EQ(read_answer(VersionsAsk{}, NodeId(2), response)->answer.refusal, Refusal::kUnavailable);
}

}  // namespace
}  // namespace penstock::raft
