#include "broker/raft/raft_node.h"

#include <utility>

#include <fmt/format.h>

#include "base/aio/sleep.h"
#include "base/assert.h"
#include "base/log.h"
#include "broker/raft/quorum_state.h"
#include "broker/raft/snapshot.h"
#include "kafka/record_batch_builder.h"

namespace penstock::raft {
namespace {

constexpr base::Logger log("raft");
constexpr std::size_t kScanBytes = 4 << 20;

}  // namespace

RaftNode::RaftNode(RaftNodeOptions options) : options_(std::move(options)) {}

RaftNode::~RaftNode() = default;

base::Result<std::unique_ptr<RaftNode>> RaftNode::open(RaftNodeOptions options) {
  std::unique_ptr<RaftNode> node(new RaftNode(std::move(options)));
  TRY(node->load());
  return node;
}

std::string RaftNode::snapshot_path() const {
  return snapshot_ ? options_.directory + "/" + snapshot_file_name(*snapshot_) : std::string();
}

base::Result<> RaftNode::load() {
  TRY(options_.disk->create_directories(options_.directory));
  TRY_ASSIGN(snapshot_, find_latest_snapshot(*options_.disk, options_.directory));
  if (snapshot_) {
    const auto ignore = [](const kafka::RecordBatchView&) -> base::Result<> { return {}; };
    TRY(read_snapshot(*options_.disk, snapshot_path(), quorum_, ignore));
    // The bootstrap snapshot stands outside of the log: its voters are written into the first epoch.
    log_has_voters_ = quorum_.voters.has_value() && snapshot_->offset > Offset(0);
  }
  TRY_ASSIGN(log_,
             StorageRaftLog::open(*options_.disk, options_.directory, options_.segment_bytes, snapshot_));
  TRY(scan_log());
  TRY_ASSIGN(auto election, read_quorum_state(*options_.disk, options_.directory));
  core_ = std::make_unique<RaftCore>(options_.core, *log_, *options_.random,
                                     election.value_or(ElectionState{}), quorum_.voters.value_or(VoterSet{}));
  return {};
}

base::Result<> RaftNode::scan_log() {
  Offset at = std::max(log_->start_offset(), snapshot_ ? snapshot_->offset : Offset(0));
  while (at < log_->end_offset()) {
    TRY_ASSIGN(const auto bytes, log_->read(at, kScanBytes));
    kafka::BatchCursor cursor(bytes);
    const Offset before = at;
    while (true) {
      TRY_ASSIGN(const auto batch, cursor.next());
      if (!batch) break;
      if (batch->is_control()) {
        QuorumRecords found;
        TRY(absorb_control_batch(*batch, found));
        log_has_voters_ = log_has_voters_ || found.voters.has_value();
        TRY(absorb_control_batch(*batch, quorum_));
      }
      at = batch->next_offset();
    }
    if (at == before) return base::fail(base::Errc::kCorrupt, "the metadata log does not read on");
  }
  return {};
}

void RaftNode::start(RaftListener& listener) {
  listener_ = &listener;
  core_->start(options_.reactor->now());
  pump();
}

aio::Task<> RaftNode::stop() {
  if (gate_.is_closed()) co_return;
  is_stopped_ = true;
  options_.reactor->cancel(timer_);
  co_await gate_.close();
  if (auto closed = log_->close(); !closed) log.warn("close the metadata log: {}", closed.error().what());
}

void RaftNode::receive(const Message& message) {
  if (is_stopped_) return;
  core_->receive(options_.reactor->now(), message);
  pump();
}

base::Result<Offset> RaftNode::append(LeaderEpoch epoch, const std::vector<base::Bytes>& records) {
  BASE_ASSERT(!records.empty(), "an append has records");
  if (is_stopped_) return base::fail(base::Errc::kShuttingDown, "the metadata log is closed");
  if (!core_->is_leader() || core_->epoch() != epoch) {
    return base::fail(base::Errc::kConflict, "no longer the leader of the metadata log");
  }
  kafka::RecordBatchOptions batch_options;
  batch_options.base_offset = log_->end_offset();
  batch_options.leader_epoch = epoch;
  kafka::RecordBatchBuilder builder(batch_options);
  const std::int64_t now_ms = options_.reactor->wall_ms();
  for (const auto& record : records) builder.append(now_ms, std::nullopt, base::ByteSpan(record));
  TRY_ASSIGN(const auto batch, builder.build());
  if (auto appended = log_->append(batch); !appended) {
    const base::Error error = appended.error().context("append to the metadata log");
    fail(error);
    return base::fail(error);
  }
  core_->appended(options_.reactor->now());
  pump();
  return log_->end_offset() - 1;
}

void RaftNode::pump() {
  for (auto& effect : core_->take_effects()) effects_.push_back(std::move(effect));
  if (!is_running_effects_ && !effects_.empty()) {
    is_running_effects_ = true;
    aio::spawn(gate_, "raft effects", run_effects());
  }
  arm_timer();
}

aio::Task<> RaftNode::run_effects() {
  while (!effects_.empty() && !is_stopped_) {
    const Effect effect = std::move(effects_.front());
    effects_.pop_front();
    if (const auto* state = std::get_if<PersistElection>(&effect)) {
      const auto done = co_await persist(state->state);
      if (!done) fail(done.error());
    } else if (const auto* start = std::get_if<StartEpoch>(&effect)) {
      if (auto done = start_epoch(*start); !done) fail(done.error());
    } else if (std::holds_alternative<FlushLog>(effect)) {
      is_flush_wanted_ = true;
      if (!std::exchange(is_flushing_, true)) aio::spawn(gate_, "raft flush", run_flushes());
    } else if (const auto* send = std::get_if<Send>(&effect)) {
      if (options_.peers != nullptr) options_.peers->send(send->to, send->message);
    } else if (const auto* advance = std::get_if<AdvanceHighWatermark>(&effect)) {
      listener_->on_high_watermark(advance->high_watermark);
    } else if (const auto* active = std::get_if<BecomeActive>(&effect)) {
      listener_->on_active(active->epoch);
    } else if (const auto* lost = std::get_if<LoseLeadership>(&effect)) {
      listener_->on_resigned(lost->epoch);
    } else if (const auto* changed = std::get_if<LeaderChanged>(&effect)) {
      listener_->on_leader_changed(changed->leader, changed->epoch);
    }
  }
  is_running_effects_ = false;
}

aio::Task<base::Result<>> RaftNode::persist(ElectionState state) {
  base::Disk* disk = options_.disk;
  const std::string directory = options_.directory;
  auto write = [disk, directory, state] { return write_quorum_state(*disk, directory, state); };
  co_return co_await aio::run_blocking(*options_.reactor, std::move(write));
}

base::Result<> RaftNode::start_epoch(const StartEpoch& start) {
  if (!core_->is_leader() || core_->epoch() != start.epoch) return {};
  const StartOfEpoch content{.base_offset = log_->end_offset(),
                             .epoch = start.epoch,
                             .leader = options_.core.self.id,
                             .granting = start.granting,
                             .now_ms = options_.reactor->wall_ms(),
                             .with_voters = !log_has_voters_};
  TRY_ASSIGN(const auto batch, start_of_epoch_batch(content, core_->voters()));
  TRY(log_->append(batch));
  log_has_voters_ = true;
  core_->appended(options_.reactor->now());
  pump();
  return {};
}

aio::Task<> RaftNode::run_flushes() {
  // One flush at a time; what is appended meanwhile is covered by the next: group commit.
  while (std::exchange(is_flush_wanted_, false) && !is_stopped_) {
    auto work = log_->begin_flush();
    const Offset target = work.target;
    auto run = std::move(work.run);
    const base::Result<> done = co_await aio::run_blocking(*options_.reactor, std::move(run));
    log_->finish_flush(done);
    if (!done) {
      fail(done.error().context("flush the metadata log"));
      break;
    }
    core_->flushed(options_.reactor->now(), target);
    pump();
  }
  is_flushing_ = false;
}

void RaftNode::arm_timer() {
  options_.reactor->cancel(timer_);
  timer_ = aio::TimerId::kNone;
  if (is_stopped_ || core_->next_deadline() == base::MonoTime::max()) return;
  timer_ = options_.reactor->call_at(core_->next_deadline(), [this] {
    core_->tick(options_.reactor->now());
    pump();
  });
}

void RaftNode::fail(const base::Error& error) {
  if (std::exchange(is_stopped_, true)) return;
  options_.reactor->cancel(timer_);
  log.error("{}", error.what());
  listener_->on_failed(error);
}

}  // namespace penstock::raft
