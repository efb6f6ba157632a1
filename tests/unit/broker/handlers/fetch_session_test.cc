#include "broker/handlers/fetch_session.h"

#include <gtest/gtest.h>

#include "base/aio/cross_reactor.h"
#include "base/aio/gate.h"
#include "base/aio/sim_scheduler.h"

namespace penstock::handlers {
namespace {

using kafka::ErrorCode;
using kafka::FetchRequest;
using PartitionData = kafka::FetchResponse::PartitionData;

constexpr std::int16_t kVersion = 12;
constexpr std::int16_t kVersionWithIds = 13;

FetchRequest request_of(std::int32_t session_id, std::int32_t epoch,
                        std::vector<std::int32_t> partitions = {}, std::int64_t offset = 0) {
  FetchRequest request;
  request.session_id = session_id;
  request.session_epoch = epoch;
  if (partitions.empty()) return request;
  FetchRequest::FetchTopic topic{.topic = "orders"};
  for (const std::int32_t partition : partitions) {
    topic.partitions.push_back({.partition = partition, .fetch_offset = offset});
  }
  request.topics.push_back(topic);
  return request;
}

PartitionData result_of(std::int64_t high_watermark, std::size_t bytes = 0) {
  PartitionData data;
  data.high_watermark = high_watermark;
  data.log_start_offset = 0;
  data.records = kafka::RecordsRef::shared(base::Bytes(bytes));
  return data;
}

class FetchSessionTest : public ::testing::Test {
 protected:
  std::vector<std::int32_t> begin(FetchRequest request, std::int16_t version = kVersion) {
    context_ = cache_.begin(request, version, now_);
    std::vector<std::int32_t> partitions;
    for (const FetchTarget& target : context_.targets) partitions.push_back(target.partition.partition);
    return partitions;
  }
  // The session's id, or 0.
  std::int32_t finish(std::vector<PartitionData> results) {
    answer_ = cache_.finish(context_, results, now_);
    return answer_.session_id;
  }
  std::int32_t open(std::vector<std::int32_t> partitions) {
    begin(request_of(0, 0, partitions));
    return finish(std::vector<PartitionData>(partitions.size(), result_of(5)));
  }

  FetchSessionCache cache_{{.sessions_max = 2, .partitions_max = 8}, 1, 4, 42};
  base::MonoTime now_{std::chrono::hours(1)};
  FetchContext context_;
  FetchAnswer answer_;
};

TEST_F(FetchSessionTest, FullFetchOpensASessionAndTellsEverything) {
  EXPECT_EQ(begin(request_of(0, 0, {0, 1})), (std::vector{0, 1}));
  EXPECT_EQ(context_.kind, FetchKind::kFull);
  const std::int32_t id = finish({result_of(5), result_of(6)});
  EXPECT_GT(id, 0);
  EXPECT_EQ(id % 4, 1) << "the id says whose it is";
  EXPECT_EQ(answer_.is_included, (std::vector{true, true}));
}

TEST_F(FetchSessionTest, IncrementalFetchTellsOnlyWhatChanged) {
  const std::int32_t id = open({0, 1, 2});
  EXPECT_EQ(begin(request_of(id, 1)), (std::vector{0, 1, 2}));
  EXPECT_EQ(finish({result_of(5), result_of(7), result_of(5)}), id);
  EXPECT_EQ(answer_.is_included, (std::vector{false, true, false}));
  begin(request_of(id, 2));
  finish({result_of(5), result_of(7), result_of(5)});
  EXPECT_EQ(answer_.is_included, (std::vector{false, false, false}));
  begin(request_of(id, 3));
  PartitionData moved = result_of(5);
  moved.log_start_offset = 3;
  PartitionData diverged = result_of(7);
  diverged.diverging_epoch = {.epoch = 1, .end_offset = 2};
  finish({moved, diverged, result_of(5, 10)});
  EXPECT_EQ(answer_.is_included, (std::vector{true, true, true}));
}

TEST_F(FetchSessionTest, AnErrorIsToldEachTimeAndSoIsItsEnd) {
  const std::int32_t id = open({0});
  PartitionData failed = result_of(-1);
  failed.error_code = kafka::to_wire(ErrorCode::kNotLeaderOrFollower);
  failed.log_start_offset = 0;
  for (const std::int32_t epoch : {1, 2}) {
    begin(request_of(id, epoch));
    finish({failed});
    EXPECT_TRUE(answer_.is_included[0]);
  }
  begin(request_of(id, 3));
  finish({result_of(5)});
  EXPECT_TRUE(answer_.is_included[0]) << "the same high watermark as before the error";
}

TEST_F(FetchSessionTest, PartitionsComeAndGo) {
  const std::int32_t id = open({0, 1});
  FetchRequest change = request_of(id, 1, {1, 5}, 90);
  change.forgotten_topics_data.push_back({.topic = "orders", .partitions = {0, 77}});
  EXPECT_EQ(begin(change), (std::vector{1, 5}));
  EXPECT_EQ(context_.targets[0].partition.fetch_offset, 90);
  finish({result_of(5), result_of(5)});
  EXPECT_EQ(answer_.is_included, (std::vector{false, true}));
  FetchRequest last = request_of(id, 2);
  last.forgotten_topics_data.push_back({.topic = "orders", .partitions = {1, 5}});
  EXPECT_TRUE(begin(last).empty());
  EXPECT_EQ(finish({}), 0) << "an empty session is closed";
  EXPECT_EQ(cache_.size(), 0U);
}

TEST_F(FetchSessionTest, WhoGotRecordsGoesLast) {
  const std::int32_t id = open({0, 1, 2});
  begin(request_of(id, 1));
  finish({result_of(9, 10), result_of(5), result_of(5)});
  EXPECT_EQ(begin(request_of(id, 2)), (std::vector{1, 2, 0}));
}

TEST_F(FetchSessionTest, WrongIdEpochAndModeAreRefused) {
  const std::int32_t id = open({0});
  begin(request_of(id + 4, 1));
  EXPECT_EQ(context_.error, ErrorCode::kFetchSessionIdNotFound);
  begin(request_of(id, 7));
  EXPECT_EQ(context_.error, ErrorCode::kInvalidFetchSessionEpoch);
  begin(request_of(id, 1), kVersionWithIds);
  EXPECT_EQ(context_.error, ErrorCode::kFetchSessionTopicIdError);
  begin(request_of(id, 1));
  EXPECT_EQ(context_.kind, FetchKind::kIncremental) << "refusals leave the session as it was";
}

TEST_F(FetchSessionTest, FullFetchClosesTheSessionThatItNames) {
  const std::int32_t id = open({0});
  begin(request_of(id, -1, {0}));
  EXPECT_EQ(context_.kind, FetchKind::kSessionless);
  EXPECT_EQ(finish({result_of(5)}), 0);
  EXPECT_EQ(cache_.size(), 0U);
}

TEST_F(FetchSessionTest, AnswerThatWasOvertakenIsRefused) {
  FetchContext context;
  const std::int32_t id = open({0});
  begin(request_of(id, 1));
  context = context_;
  begin(request_of(id, 2));
  EXPECT_EQ(cache_.finish(context, {result_of(5)}, now_).error, ErrorCode::kInvalidFetchSessionEpoch);
}

TEST_F(FetchSessionTest, CacheIsBoundedAndIdleSessionsGiveWay) {
  const std::int32_t first = open({0});
  now_ += std::chrono::seconds(1);
  const std::int32_t second = open({0});
  EXPECT_EQ(open({0}), 0) << "nobody is pushed out in its first two minutes";
  EXPECT_EQ(cache_.size(), 2U);
  now_ += std::chrono::seconds(60);
  begin(request_of(second, 1));
  finish({result_of(5)});
  now_ += std::chrono::seconds(61);
  EXPECT_GT(open({0}), 0);
  begin(request_of(first, 1));
  EXPECT_EQ(context_.error, ErrorCode::kFetchSessionIdNotFound);
  begin(request_of(second, 2));
  EXPECT_EQ(context_.kind, FetchKind::kIncremental);
}

TEST_F(FetchSessionTest, FollowersPushOutConsumers) {
  open({0});
  open({0});
  FetchRequest follower = request_of(0, 0, {0});
  follower.replica_id = 2;
  begin(follower);
  EXPECT_GT(finish({result_of(5)}), 0);
  EXPECT_EQ(cache_.size(), 2U);
}

TEST_F(FetchSessionTest, PartitionsOfAllSessionsTogetherAreBounded) {
  EXPECT_EQ(open({0, 1, 2, 3, 4, 5, 6, 7, 8}), 0) << "more than all may have";
  const std::int32_t first = open({0, 1, 2, 3, 4, 5});
  EXPECT_GT(first, 0);
  EXPECT_EQ(open({0, 1, 2}), 0) << "nobody is pushed out in its first two minutes";
  const std::int32_t second = open({0, 1});
  EXPECT_GT(second, 0);
  begin(request_of(second, 1, {2}));
  EXPECT_EQ(context_.error, ErrorCode::kFetchSessionIdNotFound) << "it has grown beyond the bound";
  EXPECT_EQ(cache_.size(), 1U);
  // What went has made room, whichever way it went.
  FetchRequest less = request_of(first, 1);
  less.forgotten_topics_data.push_back({.topic = "orders", .partitions = {0, 1}});
  EXPECT_EQ(begin(less), (std::vector{2, 3, 4, 5}));
  finish(std::vector<PartitionData>(4, result_of(5)));
  const std::int32_t third = open({0, 1, 2, 3});
  EXPECT_GT(third, 0);
  begin(request_of(third, 0, {0}));
  finish({result_of(5)});
  EXPECT_EQ(cache_.size(), 2U);
  now_ += std::chrono::minutes(3);
  EXPECT_GT(open({0, 1, 2, 3, 4, 5, 6, 7}), 0) << "both idle ones give way";
  EXPECT_EQ(cache_.size(), 1U);
}

aio::Task<bool> go_on(FetchSessions& sessions, aio::Reactor& reactor, std::int32_t id, FetchKind& kind) {
  const FetchContext next = co_await sessions.begin(reactor, request_of(id, 1), kVersion);
  kind = next.kind;
  co_return true;
}

// Opens a session on `first` and goes on with it on `second`, as after a new connection.
aio::Task<> use_on_both(FetchSessions& sessions, aio::Reactor& first, aio::Reactor& second, FetchKind& kind) {
  const FetchContext full = co_await sessions.begin(first, request_of(0, 0, {0}), kVersion);
  const std::vector<PartitionData> results{result_of(5)};
  const FetchAnswer answer = co_await sessions.finish(first, full, results);
  co_await aio::call_on(first, second, [&] { return go_on(sessions, second, answer.session_id, kind); });
}

TEST(FetchSessions, ServesEveryReactor) {
  aio::SimScheduler scheduler(1);
  aio::SimReactor first(scheduler);
  aio::SimReactor second(scheduler);
  FetchSessions sessions({&first, &second}, 10, 1);
  aio::Gate gate;
  FetchKind kind = FetchKind::kRefused;
  first.post([&] { aio::spawn(gate, "use", use_on_both(sessions, first, second, kind)); });
  scheduler.run_for(base::seconds(1));
  EXPECT_EQ(kind, FetchKind::kIncremental);
}

}  // namespace
}  // namespace penstock::handlers
