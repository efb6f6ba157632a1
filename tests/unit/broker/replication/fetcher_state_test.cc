// What a follower asks its leader for, and what it does with the answers.
#include "broker/replication/fetcher_state.h"

#include "broker/replication/partition_set.h"
#include "fixture.h"
#include "kafka/record_batch.h"

namespace penstock::replication {
namespace {

using base::milliseconds;
using base::seconds;
using kafka::ErrorCode;
using kafka::FetchRequest;
using kafka::FetchResponse;
using kafka::LeaderEpoch;
using kafka::ListOffsetsResponse;
using kafka::Offset;
using namespace testing;

constexpr kafka::BrokerEpoch kEpoch{11};

class FetcherStateTest : public ::testing::Test {
 protected:
  FetcherStateTest() {
    for (const int index : {0, 1}) host(index);
  }
  ~FetcherStateTest() override {
    Running<bool> stopping(reactor_, finish(set_.stop()));
    scheduler_.run_for(seconds(1));
    EXPECT_TRUE(stopping.is_done());
  }

  void host(int index) {
    auto log = storage::Log::open({.disk = &disk_,
                                   .directory = kDataDirectory + "/orders-" + std::to_string(index),
                                   .config = {},
                                   .is_clean = true});
    ASSERT_TRUE(log) << log.error().what();
    set_.add(std::make_unique<Partition>(key_of(index), "orders-" + std::to_string(index), kSelf,
                                         std::move(*log), PartitionConfig{}));
    follow(index, 3);
  }
  void follow(int index, int epoch) {
    partition(index).follow(replica_of({1, 2}, {1, 2}, epoch, index, 2));
    state_.add(key_of(index), "orders", LeaderEpoch(epoch));
  }
  Partition& partition(int index) { return *set_.find(key_of(index)); }

  // The partitions that the next request names.
  std::vector<int> ask() {
    std::vector<int> named;
    request_ = state_.make_request(kEpoch, now_);
    if (!request_) return named;
    for (const auto& topic : request_->topics) {
      for (const auto& asked : topic.partitions) named.push_back(asked.partition);
    }
    return named;
  }
  FetchResponse::PartitionData answer_for(int index, ErrorCode error = ErrorCode::kNone) {
    FetchResponse::PartitionData data;
    data.partition_index = index;
    data.error_code = kafka::to_wire(error);
    data.high_watermark = 0;
    data.log_start_offset = 0;
    return data;
  }
  FetchResponse::PartitionData records_for(int index, std::int64_t base, int records, int epoch = 3) {
    FetchResponse::PartitionData data = answer_for(index);
    base::Bytes batch = batch_of(records);
    kafka::set_base_offset(batch, Offset(base));
    kafka::set_leader_epoch(batch, LeaderEpoch(epoch));
    data.records = kafka::RecordsRef::shared(std::move(batch));
    return data;
  }
  void respond(std::vector<FetchResponse::PartitionData> partitions, ErrorCode error = ErrorCode::kNone) {
    FetchResponse response;
    response.error_code = kafka::to_wire(error);
    response.session_id = error == ErrorCode::kNone ? 77 : 0;
    auto& topic = response.responses.emplace_back();
    topic.topic_id = key_of(0).topic_id;
    topic.partitions = std::move(partitions);
    state_.on_response(response, now_, kWallMs);
  }
  static ListOffsetsResponse offset_is(int index, std::int64_t offset) {
    ListOffsetsResponse response;
    auto& topic = response.topics.emplace_back();
    topic.name = "orders";
    topic.partitions.push_back({.partition_index = index, .offset = offset});
    return response;
  }

  penstock::testing::SimDisk disk_;
  aio::SimScheduler scheduler_{1};
  aio::SimReactor reactor_{scheduler_};
  PartitionSet set_{reactor_};
  FetcherState state_{set_, {.self = kSelf, .wait_max_ms = 250, .backoff_max = seconds(1)}};
  base::MonoTime now_{};
  std::optional<FetchRequest> request_;
};

TEST_F(FetcherStateTest, AsksFromTheEndOfTheLogAndNamesOnlyWhatChanged) {
  EXPECT_EQ(ask(), (std::vector<int>{0, 1}));
  EXPECT_EQ(request_->replica_state.replica_id, kSelf.value());
  EXPECT_EQ(request_->replica_state.replica_epoch, kEpoch.value());
  EXPECT_EQ(request_->replica_id, -1) << "older versions only";
  EXPECT_EQ(request_->session_epoch, 0);
  EXPECT_EQ(request_->max_wait_ms, 250);
  EXPECT_EQ(request_->topics[0].partitions[0].current_leader_epoch, 3);
  EXPECT_EQ(request_->topics[0].partitions[0].last_fetched_epoch, -1);
  respond({records_for(1, 0, 3)});
  EXPECT_EQ(partition(1).log_end_offset(), Offset(3));
  EXPECT_EQ(ask(), (std::vector<int>{1}));
  EXPECT_EQ(request_->session_id, 77);
  EXPECT_EQ(request_->session_epoch, 1);
  EXPECT_EQ(request_->topics[0].partitions[0].fetch_offset, 3);
  EXPECT_EQ(request_->topics[0].partitions[0].last_fetched_epoch, 3);
  respond({});
  EXPECT_TRUE(ask().empty());
  ASSERT_TRUE(request_) << "the session knows what to read";
  EXPECT_EQ(request_->session_epoch, 2);
}

TEST_F(FetcherStateTest, AnswersOfAnotherTimeAreDropped) {
  ask();
  follow(0, 4);  // Elected again meanwhile.
  respond({records_for(0, 0, 3), records_for(1, 0, 2)});
  EXPECT_EQ(partition(0).log_end_offset(), Offset(0));
  EXPECT_EQ(partition(1).log_end_offset(), Offset(2));
  EXPECT_EQ(ask(), (std::vector<int>{0, 1}));
  EXPECT_EQ(request_->topics[0].partitions[0].current_leader_epoch, 4);
  state_.remove(key_of(0));
  respond({records_for(0, 0, 3)});
  EXPECT_EQ(partition(0).log_end_offset(), Offset(0));
  ask();
  ASSERT_EQ(request_->forgotten_topics_data.size(), 1U);
  EXPECT_EQ(request_->forgotten_topics_data[0].partitions, (std::vector<std::int32_t>{0}));
}

TEST_F(FetcherStateTest, APartitionInTroubleWaitsLongerEachTimeAndDoesNotHoldUpOthers) {
  base::Duration wait = milliseconds(20);
  for (int i = 0; i < 10; ++i) {
    ask();
    respond({answer_for(0, ErrorCode::kUnknownLeaderEpoch)});
    EXPECT_LE(state_.due(now_), now_) << "the other is ready";
    ask();
    EXPECT_EQ(request_->forgotten_topics_data.size(), 1U);
    respond({});
    now_ += wait - milliseconds(1);
    EXPECT_TRUE(ask().empty());
    respond({});
    now_ += milliseconds(1);
    EXPECT_EQ(ask(), (std::vector<int>{0})) << "round " << i;
    respond({});
    wait = std::min<base::Duration>(wait * 2, seconds(1));
  }
  ask();
  respond({records_for(0, 0, 1)});
  ask();
  respond({answer_for(0, ErrorCode::kNotLeaderOrFollower)});
  ask();
  respond({});
  now_ += milliseconds(20);
  EXPECT_EQ(ask(), (std::vector<int>{0})) << "a success ends it";
}

TEST_F(FetcherStateTest, AnUnreachableLeaderIsAskedLessOftenAndThenForEverything) {
  ask();
  respond({});
  ask();
  state_.on_no_response(now_, true);
  EXPECT_TRUE(ask().empty());
  EXPECT_EQ(state_.due(now_), now_ + milliseconds(20));
  now_ += milliseconds(20);
  EXPECT_EQ(ask(), (std::vector<int>{0, 1}));
  EXPECT_EQ(request_->session_id, 77) << "so that the leader closes it";
  EXPECT_EQ(request_->session_epoch, 0);
  state_.on_no_response(now_, true);
  EXPECT_EQ(state_.due(now_), now_ + milliseconds(40));
  now_ += seconds(1);
  ask();
  state_.on_no_response(now_, false);
  EXPECT_EQ(ask(), (std::vector<int>{0, 1})) << "broken off by ourselves: at once";
}

TEST_F(FetcherStateTest, ALostSessionIsOpenedAgain) {
  ask();
  respond({});
  ask();
  respond({}, ErrorCode::kFetchSessionIdNotFound);
  EXPECT_EQ(ask(), (std::vector<int>{0, 1}));
  EXPECT_EQ(request_->session_id, 0);
  respond({}, ErrorCode::kInvalidFetchSessionEpoch);
  EXPECT_FALSE(state_.make_request(kEpoch, now_)) << "not in a circle";
}

TEST_F(FetcherStateTest, DamageIsRefusedAFewTimesThenTheReplicaStops) {
  for (int i = 0; i < 5; ++i) {
    now_ += seconds(2);
    ask();
    FetchResponse::PartitionData damaged = records_for(0, 0, 2);
    base::Bytes bytes(damaged.records->bytes.begin(), damaged.records->bytes.end());
    bytes.back() ^= 1;
    damaged.records = kafka::RecordsRef::shared(std::move(bytes));
    respond({damaged});
  }
  EXPECT_EQ(partition(0).log_end_offset(), Offset(0));
  state_.remove(key_of(1));
  now_ += seconds(60);
  EXPECT_EQ(state_.due(now_), base::MonoTime::max());
  follow(0, 4);
  EXPECT_EQ(ask(), (std::vector<int>{0})) << "another leader may have it whole";
}

TEST_F(FetcherStateTest, DivergenceTruncatesAndTheNextFetchGoesOnFromThere) {
  ask();
  respond({records_for(0, 0, 4, 1)});
  ask();
  respond({records_for(0, 4, 4, 2)});
  ask();
  FetchResponse::PartitionData diverging = answer_for(0);
  diverging.diverging_epoch = {.epoch = 1, .end_offset = 3};
  respond({diverging});
  EXPECT_EQ(partition(0).log_end_offset(), Offset(3));
  EXPECT_EQ(ask(), (std::vector<int>{0}));
  EXPECT_EQ(request_->topics[0].partitions[0].last_fetched_epoch, 1);
  diverging.diverging_epoch = {.epoch = 1, .end_offset = 9};
  respond({diverging});
  EXPECT_EQ(partition(0).log_end_offset(), Offset(3));
  EXPECT_TRUE(ask().empty()) << "a leader that is never content is not asked in a circle";
}

TEST_F(FetcherStateTest, OutOfRangeAsksWhereTheLeadersLogIs) {
  ask();
  respond({answer_for(0, ErrorCode::kOffsetOutOfRange)});
  ASSERT_TRUE(state_.has_lookups());
  const auto lookup = state_.make_lookup(kLatestTimestamp);
  EXPECT_EQ(lookup.replica_id, kSelf.value());
  ASSERT_EQ(lookup.topics.size(), 1U);
  EXPECT_EQ(lookup.topics[0].partitions[0].current_leader_epoch, 3);
  state_.on_lookups(std::nullopt, std::nullopt, now_);
  EXPECT_FALSE(state_.has_lookups());
  now_ += milliseconds(20);
  ask();
  respond({answer_for(0, ErrorCode::kOffsetOutOfRange)});
  state_.on_lookups(offset_is(0, 40), offset_is(0, 90), now_);
  EXPECT_EQ(partition(0).log_end_offset(), Offset(40));
  now_ += milliseconds(40);
  EXPECT_EQ(ask(), (std::vector<int>{0}));
  EXPECT_EQ(request_->topics[0].partitions[0].fetch_offset, 40);
  EXPECT_EQ(request_->topics[0].partitions[0].log_start_offset, 40);
}

}  // namespace
}  // namespace penstock::replication
