#include "broker/replication/replica_manager.h"

#include "base/aio/sleep.h"
#include "broker/replication/visit.h"
#include "fixture.h"
#include "kafka/record_batch.h"
#include "tests/support/sim_disk.h"

namespace penstock::replication {
namespace {

using base::milliseconds;
using base::seconds;
using kafka::ErrorCode;
using kafka::Offset;
using namespace testing;

// A broker's replicas on two reactors, and a third from which requests come.
class ReplicaManagerTest : public ::testing::TestWithParam<int> {
 protected:
  ReplicaManagerTest()
      : scheduler_(static_cast<std::uint64_t>(GetParam())),
        home_(scheduler_),
        first_(scheduler_),
        second_(scheduler_) {
    EXPECT_TRUE(disk_.create_directories(kDataDirectory));
    EXPECT_TRUE(
        storage::write_meta_properties(disk_, kDataDirectory,
                                       {.cluster_id = "test",
                                        .node_id = kSelf,
                                        .directory_id = {.most_significant = 3, .least_significant = 4}},
                                       kWallMs));
    open();
  }
  ~ReplicaManagerTest() override { close(); }

  void open() {
    auto logs = storage::LogDirectory::open(disk_, kDataDirectory);
    ASSERT_TRUE(logs) << logs.error().what();
    logs_ = std::move(*logs);
    manager_ = std::make_unique<ReplicaManager>(kSelf, config_, std::vector<aio::Reactor*>{&first_, &second_},
                                                *logs_);
    ASSERT_TRUE(run(manager_->start(home_)));
  }
  void close() {
    if (!manager_) return;
    const base::Result<> stopped = run(manager_->stop(home_, kafka::BrokerEpoch(77)));
    EXPECT_TRUE(stopped) << stopped.error().what();
    manager_.reset();
    logs_.reset();
  }

  template <typename T>
  T run(aio::Task<T> task, base::Duration time = seconds(2)) {
    Running<T> running(home_, std::move(task));
    scheduler_.run_for(time);
    EXPECT_TRUE(running.is_done());
    return std::move(running.value());
  }

  void host(std::int32_t count, PartitionConfig config = {}, std::vector<int> replicas = {1},
            storage::LogConfig log = {}) {
    LocalChanges changes;
    for (std::int32_t i = 0; i < count; ++i) {
      changes.hosted.push_back({replica_of(replicas, replicas, 0, i), {.log = log, .partition = config}});
    }
    run(finish(manager_->apply(home_, std::move(changes))));
  }

  // Buffers stay until the test ends, as a connection's frames do until the answer.
  ProduceBatch produce_to(std::vector<std::int32_t> partitions, std::int16_t acks = -1) {
    ProduceBatch batch;
    batch.acks = acks;
    batch.timeout = seconds(1);
    for (const std::int32_t partition : partitions) {
      base::Bytes& bytes = *buffers_.emplace_back(std::make_unique<base::Bytes>(batch_of(2)));
      batch.items.push_back({.key = key_of(partition), .records = bytes});
    }
    return batch;
  }
  std::vector<AppendOutcome> produce(std::vector<std::int32_t> partitions, std::int16_t acks = -1) {
    return run(manager_->produce(home_, produce_to(std::move(partitions), acks)), seconds(3));
  }

  FetchPlan fetch_from(std::vector<std::int32_t> partitions, base::Duration wait, std::int64_t bytes_min = 1,
                       std::int64_t offset = 0) {
    FetchPlan plan;
    plan.bytes_max = 1 << 20;
    plan.bytes_min = bytes_min;
    plan.deadline = scheduler_.now() + wait;
    for (const std::int32_t partition : partitions) {
      FetchItem item;
      item.key = key_of(partition);
      item.request.offset = Offset(offset);
      item.request.bytes_max = 1 << 20;
      plan.items.push_back(item);
    }
    return plan;
  }
  aio::Task<std::vector<FetchOutcome>> start_fetch(FetchPlan plan, aio::CancelToken token = {}) {
    return fetch(*manager_, home_, std::move(plan), std::move(token));
  }
  // How many partitions have somebody who waits is not visible; how many are there, is.
  std::size_t hosted() { return manager_->set(0).size() + manager_->set(1).size(); }

  penstock::testing::SimDisk disk_;
  ReplicationConfig config_;
  aio::SimScheduler scheduler_;
  aio::SimReactor home_;
  aio::SimReactor first_;
  aio::SimReactor second_;
  std::unique_ptr<storage::LogDirectory> logs_;
  std::vector<std::unique_ptr<base::Bytes>> buffers_;
  std::unique_ptr<ReplicaManager> manager_;
};

TEST_P(ReplicaManagerTest, ProducesToAndFetchesFromSeveralReactors) {
  host(4);
  EXPECT_GT(manager_->set(0).size(), 0U);
  EXPECT_GT(manager_->set(1).size(), 0U);
  const std::vector<AppendOutcome> outcomes = produce({0, 1, 2, 3, 9});
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(outcomes[i].is_ok());
    EXPECT_EQ(outcomes[i].base_offset, Offset(0));
  }
  EXPECT_EQ(outcomes[4].error, ErrorCode::kNotLeaderOrFollower);
  EXPECT_EQ(produce({3})[0].base_offset, Offset(2));
  std::vector<FetchOutcome> fetched = run(start_fetch(fetch_from({3, 2, 1, 0}, seconds(1))));
  for (const FetchOutcome& outcome : fetched) {
    EXPECT_TRUE(outcome.read.is_ok());
    EXPECT_GT(outcome.read.records.size(), 0U);
  }
  EXPECT_EQ(fetched[0].read.high_watermark, Offset(4));
}

TEST_P(ReplicaManagerTest, LongPollIsWokenByAProduceElsewhere) {
  host(3);
  Running<std::vector<FetchOutcome>> poll(home_, start_fetch(fetch_from({0, 1, 2}, seconds(60))));
  scheduler_.run_for(seconds(5));
  EXPECT_FALSE(poll.is_done());
  Running<std::vector<AppendOutcome>> append(home_, manager_->produce(home_, produce_to({1})));
  scheduler_.run_for(milliseconds(20));
  ASSERT_TRUE(poll.is_done());
  EXPECT_EQ(poll.value()[0].read.records.size(), 0U);
  EXPECT_GT(poll.value()[1].read.records.size(), 0U);
}

TEST_P(ReplicaManagerTest, LongPollEndsAtItsDeadlineWithWhatThereIs) {
  host(2);
  produce({0});
  Running<std::vector<FetchOutcome>> poll(home_, start_fetch(fetch_from({0, 1}, seconds(10), 100'000)));
  scheduler_.run_for(seconds(9));
  EXPECT_FALSE(poll.is_done());
  scheduler_.run_for(seconds(2));
  ASSERT_TRUE(poll.is_done());
  EXPECT_GT(poll.value()[0].read.records.size(), 0U);
}

TEST_P(ReplicaManagerTest, LongPollGathersMinBytesFromSeveralReactors) {
  host(2);
  const auto one = static_cast<std::int64_t>(batch_of(2).size());
  Running<std::vector<FetchOutcome>> poll(home_, start_fetch(fetch_from({0, 1}, seconds(60), 3 * one)));
  scheduler_.run_for(seconds(1));
  produce({0});
  produce({1});
  EXPECT_FALSE(poll.is_done());
  produce({0});
  EXPECT_TRUE(poll.is_done());
}

TEST_P(ReplicaManagerTest, LongPollEndsWhenTheReaderGoesOrThePartitionDoes) {
  host(2);
  aio::CancelSource connection;
  Running<std::vector<FetchOutcome>> gone(home_,
                                          start_fetch(fetch_from({0}, seconds(60)), connection.token()));
  Running<std::vector<FetchOutcome>> deleted(home_, start_fetch(fetch_from({1}, seconds(60))));
  scheduler_.run_for(seconds(1));
  EXPECT_FALSE(gone.is_done() || deleted.is_done());
  home_.post([&] { connection.cancel(); });
  LocalChanges changes;
  changes.removed.push_back(key_of(1));
  run(finish(manager_->apply(home_, std::move(changes))));
  EXPECT_TRUE(gone.is_done());
  ASSERT_TRUE(deleted.is_done());
  EXPECT_EQ(deleted.value()[0].read.error, ErrorCode::kNotLeaderOrFollower);
  EXPECT_EQ(hosted(), 1U);
  EXPECT_FALSE(disk_.exists(kDataDirectory + "/orders-1"));
}

TEST_P(ReplicaManagerTest, BytesMaxHoldsOverAllReactors) {
  host(4);
  produce({0, 1, 2, 3});
  FetchPlan plan = fetch_from({0, 1, 2, 3}, seconds(1));
  plan.bytes_max = static_cast<std::int64_t>(batch_of(2).size()) * 2 + 10;
  std::size_t total = 0;
  for (const FetchOutcome& outcome : run(start_fetch(plan))) total += outcome.read.records.size();
  EXPECT_LE(total, static_cast<std::size_t>(plan.bytes_max));
  plan = fetch_from({0, 1, 2, 3}, seconds(1));
  plan.bytes_max = 1;
  const std::vector<FetchOutcome> fetched = run(start_fetch(plan));
  EXPECT_EQ(fetched[0].read.records.size(), batch_of(2).size()) << "one batch, though it is larger";
  EXPECT_EQ(fetched[1].read.records.size() + fetched[2].read.records.size() + fetched[3].read.records.size(),
            0U);
}

TEST_P(ReplicaManagerTest, AcksAllTimesOutAndAcksOneDoesNotWait) {
  host(1, {}, {1, 2});
  EXPECT_TRUE(produce({0}, 1)[0].is_ok());
  const std::vector<AppendOutcome> outcomes = produce({0}, -1);
  EXPECT_EQ(outcomes[0].error, ErrorCode::kRequestTimedOut);
  EXPECT_EQ(outcomes[0].base_offset, Offset(2)) << "the data is kept";
}

TEST_P(ReplicaManagerTest, AcksAllIsAnsweredByAFollowersFetch) {
  host(1, {}, {1, 2});
  Running<std::vector<AppendOutcome>> append(home_, manager_->produce(home_, produce_to({0})));
  scheduler_.run_for(milliseconds(100));
  EXPECT_FALSE(append.is_done());
  FetchPlan plan = fetch_from({0}, milliseconds(10), 1, 2);
  plan.items[0].follower = fetch_of(2, 2);
  plan.items[0].request.isolation = Isolation::kLogEnd;
  run(start_fetch(plan), milliseconds(100));
  ASSERT_TRUE(append.is_done());
  EXPECT_TRUE(append.value()[0].is_ok());
}

TEST_P(ReplicaManagerTest, GroupCommitFlushesBeforeTheAnswer) {
  host(1, {}, {1}, {.flush_messages = 1});
  std::vector<std::unique_ptr<Running<std::vector<AppendOutcome>>>> appends;
  for (const std::int16_t acks : {-1, 1, -1, 1, 1}) {
    appends.push_back(std::make_unique<Running<std::vector<AppendOutcome>>>(
        home_, manager_->produce(home_, produce_to({0}, acks))));
  }
  scheduler_.run_for(seconds(1));
  for (auto& append : appends) {
    ASSERT_TRUE(append->is_done());
    EXPECT_TRUE(append->value()[0].is_ok());
  }
  Partition* partition = manager_->set_of(key_of(0)).find(key_of(0));
  EXPECT_EQ(partition->log().recovery_point(), Offset(10));
  EXPECT_EQ(partition->high_watermark(), Offset(10));
}

TEST_P(ReplicaManagerTest, ARolledSegmentIsFlushedWithoutBeingAsked) {
  host(1, {}, {1}, {.segment_bytes = 200});
  for (int i = 0; i < 6; ++i) produce({0});
  Partition* partition = manager_->set_of(key_of(0)).find(key_of(0));
  EXPECT_GT(partition->log().segment_count(), 2U);
  EXPECT_FALSE(partition->log().has_unflushed_segments());
  EXPECT_GT(partition->log().recovery_point(), Offset(0)) << "a restart does not scan what was rolled";
}

TEST_P(ReplicaManagerTest, EverythingIsThereAfterACleanRestart) {
  host(3);
  produce({0, 1, 2});
  close();
  open();
  EXPECT_TRUE(logs_->was_clean());
  EXPECT_EQ(logs_->previous_broker_epoch(), kafka::BrokerEpoch(77));
  host(3);
  for (const FetchOutcome& outcome : run(start_fetch(fetch_from({0, 1, 2}, seconds(1))))) {
    EXPECT_EQ(outcome.read.high_watermark, Offset(2));
    EXPECT_GT(outcome.read.records.size(), 0U);
  }
  EXPECT_EQ(produce({1})[0].base_offset, Offset(2));
}

TEST_P(ReplicaManagerTest, AStopWithALogThatNobodyOpenedIsNotClean) {
  host(2);
  produce({0, 1});
  close();
  open();
  const std::string strange = kDataDirectory + "/orders-1/00000000000000000000.log.swap";
  ASSERT_TRUE(disk_.open(strange, base::OpenMode::kCreateNew));
  host(2);
  EXPECT_EQ(hosted(), 1U) << "the other one is offline";
  close();
  open();
  EXPECT_FALSE(logs_->was_clean());
  ASSERT_TRUE(run(manager_->stop(home_, kafka::kNoBrokerEpoch)));
  manager_.reset();
  logs_.reset();
  open();
  EXPECT_FALSE(logs_->was_clean()) << "a broker that never registered has recovered nothing";
}

// The failures that a broker does not survive. `fail` makes the disk fail, `meet` has it noticed.
TEST_P(ReplicaManagerTest, ADiskThatFailsEndsTheBrokerAndIsNoCleanStop) {
  struct Failure {
    const char* what;
    void (*fail)(penstock::testing::SimDisk&);
    std::function<void()> meet;
    ErrorCode answer;
  };
  const Failure failures[] = {
      {"a flush", [](auto& disk) { disk.fail_syncs(true); }, [] {}, ErrorCode::kKafkaStorageError},
      {"a write", [](auto& disk) { disk.fail_writes(true); }, [] {}, ErrorCode::kKafkaStorageError},
      {"a full disk", [](auto& disk) { disk.set_capacity(1); }, [] {}, ErrorCode::kKafkaStorageError},
      {"a checkpoint", [](auto& disk) { disk.fail_syncs(true); },
       [this] { scheduler_.run_for(milliseconds(config_.high_watermark_checkpoint_interval_ms()) * 2); },
       ErrorCode::kNone},
  };
  for (const Failure& failure : failures) {
    SCOPED_TRACE(failure.what);
    const bool is_flushed = failure.answer != ErrorCode::kNone;
    host(2, {}, {1}, {.flush_messages = is_flushed ? 1 : INT64_MAX});
    produce({0, 1});
    EXPECT_FALSE(manager_->has_failed());
    failure.fail(disk_);
    EXPECT_EQ(produce({0})[0].error, failure.answer);
    failure.meet();
    EXPECT_TRUE(manager_->has_failed());
    if (is_flushed) {
      EXPECT_EQ(produce({0})[0].error, ErrorCode::kKafkaStorageError) << "it stays offline";
    }
    disk_.fail_syncs(false);
    disk_.fail_writes(false);
    disk_.set_capacity(INT64_MAX);
    std::ignore = run(manager_->stop(home_, kafka::BrokerEpoch(77)));
    open();
    EXPECT_FALSE(logs_->was_clean());
  }
}

TEST_P(ReplicaManagerTest, ALogThatTheDiskRefusesToMakeEndsTheBrokerToo) {
  disk_.set_capacity(1);
  host(1);
  EXPECT_EQ(hosted(), 0U);
  EXPECT_TRUE(manager_->has_failed());
  disk_.set_capacity(INT64_MAX);
}

TEST_P(ReplicaManagerTest, TopicMadeAgainStartsEmpty) {
  host(1);
  produce({0});
  close();
  open();
  LocalChanges changes;
  LocalReplica replica = replica_of({1}, {1});
  replica.key.topic_id.least_significant = 99;
  changes.hosted.push_back({replica, {}});
  run(finish(manager_->apply(home_, std::move(changes))));
  FetchPlan plan = fetch_from({0}, milliseconds(0));
  plan.items[0].key = replica.key;
  const std::vector<FetchOutcome> fetched = run(start_fetch(plan));
  EXPECT_TRUE(fetched[0].read.is_ok());
  EXPECT_EQ(fetched[0].read.high_watermark, Offset(0));
}

TEST_P(ReplicaManagerTest, RetentionDropsOldSegmentsAndConfigurationTakesEffect) {
  host(1, {}, {1}, {.segment_bytes = 200});
  for (int i = 0; i < 5; ++i) produce({0});
  Partition* partition = manager_->set_of(key_of(0)).find(key_of(0));
  EXPECT_EQ(partition->log_start_offset(), Offset(0));
  LocalChanges changes;
  changes.configured.push_back({key_of(0).topic_id, {.log = {.segment_bytes = 200, .retention_bytes = 1}}});
  run(finish(manager_->apply(home_, std::move(changes))));
  scheduler_.run_for(seconds(301));
  EXPECT_GT(partition->log_start_offset(), Offset(0));
}

TEST_P(ReplicaManagerTest, CoordinatorsAppendAndReadBack) {
  host(1);
  PartitionSet& set = manager_->set_of(key_of(0));
  const AppendOutcome appended = run(manager_->append_and_commit(home_, key_of(0), batch_of(3), seconds(1)));
  ASSERT_TRUE(appended.is_ok());
  EXPECT_EQ(appended.end_offset, Offset(3));
  const ReadOutcome read = set.read_internal(key_of(0), Offset(0), 1 << 20);
  ASSERT_TRUE(read.is_ok());
  EXPECT_FALSE(read.records.is_file());
  EXPECT_EQ(kafka::RecordBatchView::parse(read.records.bytes)->count(), 3);
  EXPECT_EQ(run(manager_->append_and_commit(home_, key_of(5), batch_of(1), seconds(1))).error,
            ErrorCode::kNotLeaderOrFollower);
}

TEST_P(ReplicaManagerTest, VisitsEachPartitionWhereItLives) {
  host(4);
  const std::vector<PartitionKey> keys{key_of(3), key_of(8), key_of(0)};
  std::vector<int> seen(keys.size(), -1);
  auto visit = [&](std::size_t i, Partition* partition) {
    seen[i] = partition != nullptr && manager_->set_of(keys[i]).reactor().is_current() ? 1 : 0;
  };
  run(finish(visit_partitions(*manager_, home_, keys, visit)));
  EXPECT_EQ(seen, (std::vector<int>{1, 0, 1}));
}

INSTANTIATE_TEST_SUITE_P(Seeds, ReplicaManagerTest, ::testing::Range(1, 4));

}  // namespace
}  // namespace penstock::replication
