// The shell: loading, waiting for the commit, timers, resignation, and routing between reactors.
#include "broker/coordinator/group/group_coordinator.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "base/aio/completion.h"
#include "base/aio/gate.h"
#include "base/aio/sim_scheduler.h"
#include "base/random.h"
#include "broker/coordinator/group/config.h"
#include "broker/coordinator/group/group_coordinators.h"
#include "broker/coordinator/group/group_errors.h"
#include "kafka/record_batch.h"

namespace penstock::coordinator {
namespace {

using kafka::ErrorCode;

// What a partition keeps; it outlives the logs that are opened on it.
struct Partition {
  base::Bytes bytes;
  kafka::Offset end{0};
  kafka::Offset high_watermark{0};
  bool commits_at_once = true;
};

class MemoryLog final : public CoordinatorLog {
 public:
  explicit MemoryLog(Partition& partition) : partition_(partition) {}

  base::Result<kafka::Offset> append(base::Bytes batch) override {
    kafka::set_base_offset(batch, partition_.end);
    const auto view = kafka::RecordBatchView::parse(batch);
    if (!view) return base::fail(view.error());
    if (!view->is_crc_valid()) return base::fail(base::Errc::kCorrupt, "crc");
    partition_.end = view->next_offset();
    if (partition_.commits_at_once) partition_.high_watermark = partition_.end;
    partition_.bytes.insert(partition_.bytes.end(), batch.begin(), batch.end());
    return view->last_offset();
  }
  aio::Task<base::Result<>> wait_committed(kafka::Offset offset) override {
    if (offset < partition_.high_watermark) co_return base::Result<>();
    if (is_closed_) co_return base::fail(base::Errc::kShuttingDown, "closed");
    co_return co_await waits_.emplace_back().wait();
  }
  void close() override {
    is_closed_ = true;
    finish(base::fail(base::Errc::kShuttingDown, "closed"));
  }
  void commit_all() {
    partition_.high_watermark = partition_.end;
    finish({});
  }
  void finish(base::Result<> result) {
    for (auto& wait : std::exchange(waits_, {})) wait.set(result);
  }
  kafka::Offset start_offset() const override { return kafka::Offset(0); }
  kafka::Offset end_offset() const override { return partition_.end; }
  kafka::Offset high_watermark() const override { return partition_.high_watermark; }
  // One batch at a time, so that loading takes several reads.
  aio::Task<base::Result<base::Bytes>> read(kafka::Offset from, std::size_t) override {
    kafka::BatchCursor cursor(partition_.bytes);
    while (true) {
      const auto batch = cursor.next();
      if (!batch || !*batch) co_return base::Bytes();
      if ((*batch)->last_offset() >= from) {
        const auto bytes = (*batch)->bytes();
        co_return base::Bytes(bytes.begin(), bytes.end());
      }
    }
  }

 private:
  Partition& partition_;
  std::vector<aio::Completion<base::Result<>>> waits_;
  bool is_closed_ = false;
};

kafka::OffsetCommitRequest commit_request(const std::string& group_id, std::int64_t offset) {
  kafka::OffsetCommitRequest request;
  request.group_id = group_id;
  auto& topic = request.topics.emplace_back();
  topic.name = "t";
  topic.partitions.emplace_back().committed_offset = offset;
  return request;
}

kafka::OffsetFetchRequest fetch_request(std::vector<std::string> group_ids) {
  kafka::OffsetFetchRequest request;
  for (const std::string& group_id : group_ids) {
    auto& group = request.groups.emplace_back();
    group.group_id = group_id;
    group.topics.reset();
  }
  return request;
}

kafka::JoinGroupRequest join_request(const std::string& group_id) {
  kafka::JoinGroupRequest request;
  request.group_id = group_id;
  request.session_timeout_ms = 10'000;
  request.rebalance_timeout_ms = 60'000;
  request.protocol_type = "consumer";
  request.protocols.emplace_back().name = "range";
  return request;
}

template <typename T>
aio::Task<> keep(aio::Task<T> task, std::optional<T>& result) {
  result = co_await std::move(task);
}
aio::Task<> keep(aio::Task<> task, bool& is_done) {
  co_await std::move(task);
  is_done = true;
}

class Coordinator : public ::testing::Test {
 public:
  void start() {
    log = std::make_unique<MemoryLog>(partition);
    coordinator = std::make_unique<GroupCoordinator>(reactor, *log, config, random);
    coordinator->start();
  }
  void stop() {
    bool is_done = false;
    aio::spawn(gate, "stop", keep(coordinator->stop(), is_done));
    scheduler.run_for(base::milliseconds(1));
    EXPECT_TRUE(is_done);
  }
  template <typename T>
  void run(aio::Task<T> task, std::optional<T>& result) {
    aio::spawn(gate, "request", keep(std::move(task), result));
    scheduler.run_for(base::milliseconds(1));
  }

  const GroupCaller caller{"client", "127.0.0.1", 3};
  aio::SimScheduler scheduler{1};
  aio::SimReactor reactor{scheduler};
  GroupConfig config;
  base::SeededRandom random{7};
  Partition partition;
  std::unique_ptr<MemoryLog> log;
  std::unique_ptr<GroupCoordinator> coordinator;
  aio::Gate gate;
};

TEST_F(Coordinator, JoinEndsWithTheTimerOfTheInitialDelay) {
  start();
  std::optional<kafka::JoinGroupResponse> joined;
  run(coordinator->join_group(caller, join_request("g")), joined);
  scheduler.run_for(base::milliseconds(2'900));
  EXPECT_FALSE(joined);
  scheduler.run_for(base::milliseconds(200));
  ASSERT_TRUE(joined);
  EXPECT_EQ(joined->generation_id, 1);
  EXPECT_EQ(joined->member_id.size(), std::string("client-00000000-0000-4000-8000-000000000000").size());
  stop();
}

TEST_F(Coordinator, CommitIsAnsweredWhenItIsReplicated) {
  partition.commits_at_once = false;
  start();
  std::optional<kafka::OffsetCommitResponse> committed;
  run(coordinator->offset_commit(caller, commit_request("g", 5)), committed);
  EXPECT_FALSE(committed);
  log->commit_all();
  scheduler.run_for(base::milliseconds(1));
  ASSERT_TRUE(committed);
  EXPECT_EQ(committed->topics[0].partitions[0].error_code, 0);
  stop();
}

TEST_F(Coordinator, NextTermLoadsWhatTheLastOneWrote) {
  start();
  std::optional<kafka::OffsetCommitResponse> committed;
  run(coordinator->offset_commit(caller, commit_request("g", 5)), committed);
  committed.reset();
  run(coordinator->offset_commit(caller, commit_request("g", 6)), committed);
  stop();
  start();
  std::optional<kafka::OffsetFetchResponse> fetched;
  run(coordinator->offset_fetch(caller, fetch_request({"g"})), fetched);
  ASSERT_TRUE(fetched);
  EXPECT_EQ(fetched->groups.at(0).topics.at(0).partitions.at(0).committed_offset, 6);
  stop();
}

TEST_F(Coordinator, DamagedLogIsNotServed) {
  start();
  std::optional<kafka::OffsetCommitResponse> committed;
  run(coordinator->offset_commit(caller, commit_request("g", 5)), committed);
  stop();
  partition.bytes[kafka::kBatchHeaderBytes + 6] ^= 0xff;  // Inside the key of the first record.
  start();
  std::optional<kafka::OffsetFetchResponse> fetched;
  run(coordinator->offset_fetch(caller, fetch_request({"g"})), fetched);
  ASSERT_TRUE(fetched);
  EXPECT_EQ(fetched->groups.at(0).error_code, kafka::to_wire(ErrorCode::kNotCoordinator));
  stop();
}

TEST_F(Coordinator, StoppingAnswersThoseWhoWait) {
  partition.commits_at_once = false;
  start();
  std::optional<kafka::JoinGroupResponse> joined;
  std::optional<kafka::OffsetCommitResponse> committed;
  run(coordinator->join_group(caller, join_request("g")), joined);
  run(coordinator->offset_commit(caller, commit_request("other", 5)), committed);
  stop();
  ASSERT_TRUE(joined);
  ASSERT_TRUE(committed);
  EXPECT_EQ(joined->error_code, kafka::to_wire(ErrorCode::kNotCoordinator));
  EXPECT_EQ(committed->topics[0].partitions[0].error_code, kafka::to_wire(ErrorCode::kNotCoordinator));
  committed.reset();
  run(coordinator->offset_commit(caller, commit_request("other", 5)), committed);
  EXPECT_EQ(committed->topics[0].partitions[0].error_code, kafka::to_wire(ErrorCode::kNotCoordinator));
}

TEST_F(Coordinator, LostLeadershipEndsTheTerm) {
  partition.commits_at_once = false;
  start();
  std::optional<kafka::OffsetCommitResponse> committed;
  run(coordinator->offset_commit(caller, commit_request("g", 5)), committed);
  log->finish(base::fail(base::Errc::kConflict, "another broker leads"));
  scheduler.run_for(base::milliseconds(1));
  ASSERT_TRUE(committed);
  EXPECT_EQ(committed->topics[0].partitions[0].error_code, kafka::to_wire(ErrorCode::kNotCoordinator));
  stop();
}

TEST_F(Coordinator, WhileLoadingOnlyHeartbeatsSucceed) {
  start();
  std::optional<kafka::OffsetCommitResponse> committed;
  run(coordinator->offset_commit(caller, commit_request("g", 5)), committed);
  stop();
  log = std::make_unique<MemoryLog>(partition);
  coordinator = std::make_unique<GroupCoordinator>(reactor, *log, config, random);
  EXPECT_TRUE(coordinator->is_loading());
  std::optional<kafka::JoinGroupResponse> joined;
  std::optional<kafka::HeartbeatResponse> beaten;
  run(coordinator->join_group(caller, join_request("g")), joined);
  kafka::HeartbeatRequest heartbeat;
  heartbeat.group_id = "g";
  run(coordinator->heartbeat(caller, heartbeat), beaten);
  EXPECT_EQ(joined->error_code, kafka::to_wire(ErrorCode::kCoordinatorLoadInProgress));
  EXPECT_EQ(beaten->error_code, 0);
  coordinator->start();
  scheduler.run_for(base::milliseconds(1));
  EXPECT_FALSE(coordinator->is_loading());
  stop();
}

TEST_F(Coordinator, GroupsAreRoutedToTheirShards) {
  aio::SimReactor far(scheduler);
  GroupCoordinators groups(config, random);
  const std::vector<std::string> ids{"alpha", "beta", "gamma"};
  std::vector<Partition> partitions(2);
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    bool is_done = false;
    aio::spawn(gate, "start",
               keep(groups.start_shard(reactor, groups.partition_for(ids[i]), far,
                                       std::make_unique<MemoryLog>(partitions[i])),
                    is_done));
    scheduler.run_for(base::milliseconds(1));
    EXPECT_TRUE(is_done);
  }
  for (std::size_t i = 0; i < 3; ++i) {
    std::optional<kafka::OffsetCommitResponse> committed;
    run(groups.offset_commit(reactor, caller, commit_request(ids[i], static_cast<std::int64_t>(i))),
        committed);
    ASSERT_TRUE(committed);
    EXPECT_EQ(committed->topics[0].partitions[0].error_code,
              i < 2 ? 0 : kafka::to_wire(ErrorCode::kNotCoordinator));
  }
  std::optional<kafka::OffsetFetchResponse> fetched;
  run(groups.offset_fetch(reactor, caller, fetch_request(ids)), fetched);
  ASSERT_EQ(fetched->groups.size(), 3U);
  EXPECT_EQ(fetched->groups[1].topics.at(0).partitions.at(0).committed_offset, 1);
  EXPECT_EQ(fetched->groups[2].error_code, kafka::to_wire(ErrorCode::kNotCoordinator));
  std::optional<kafka::ListGroupsResponse> listed;
  run(groups.list_groups(reactor, caller, {}), listed);
  EXPECT_EQ(listed->groups.size(), 2U);
  bool is_done = false;
  aio::spawn(gate, "stop", keep(groups.stop(reactor), is_done));
  scheduler.run_for(base::milliseconds(1));
  EXPECT_TRUE(is_done);
}

}  // namespace
}  // namespace penstock::coordinator
