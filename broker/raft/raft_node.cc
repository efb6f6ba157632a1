#include "broker/raft/raft_node.h"

#include <utility>

#include <fmt/format.h>

#include "base/aio/sleep.h"
#include "base/assert.h"
#include "base/log.h"
#include "broker/raft/quorum_state.h"
#include "kafka/record_batch_builder.h"

namespace penstock::raft {
namespace {

constexpr base::Logger log("raft");

bool is_ask(const Message& message) {
  return std::visit(
      []<typename T>(const T&) {
        return std::is_same_v<T, VoteAsk> || std::is_same_v<T, FetchAsk> || std::is_same_v<T, SnapshotAsk> ||
               std::is_same_v<T, BeginEpochAsk> || std::is_same_v<T, EndEpochAsk> ||
               std::is_same_v<T, AddVoterAsk> || std::is_same_v<T, RemoveVoterAsk> ||
               std::is_same_v<T, UpdateVoterAsk> || std::is_same_v<T, VersionsAsk>;
      },
      message);
}

}  // namespace

RaftNode::RaftNode(RaftNodeOptions options) : options_(std::move(options)) {}

RaftNode::~RaftNode() = default;

base::Result<std::unique_ptr<RaftNode>> RaftNode::open(RaftNodeOptions options) {
  std::unique_ptr<RaftNode> node(new RaftNode(std::move(options)));
  TRY(node->load());
  return node;
}

base::Result<> RaftNode::load() {
  TRY(options_.disk->create_directories(options_.directory));
  TRY_ASSIGN(log_, StorageRaftLog::open({.disk = options_.disk,
                                         .directory = options_.directory,
                                         .segment_bytes = options_.segment_bytes,
                                         .segment_ms = options_.segment_ms}));
  TRY_ASSIGN(auto election, read_quorum_state(*options_.disk, options_.directory));
  core_ =
      std::make_unique<RaftCore>(options_.core, *log_, *options_.random, election.value_or(ElectionState{}));
  return {};
}

void RaftNode::start(RaftListener& listener) {
  listener_ = &listener;
  core_->start(options_.reactor->now());
  pump();
  arm_cleaning();
}

aio::Task<> RaftNode::stop() {
  if (gate_.is_closed()) co_return;
  is_stopped_ = true;
  options_.reactor->cancel(timer_);
  options_.reactor->cancel(clean_timer_);
  drop_asks();
  co_await gate_.close();
  if (auto closed = log_->close(); !closed) log.warn("close the metadata log: {}", closed.error().what());
}

void RaftNode::resign() {
  if (is_stopped_) return;
  core_->resign(options_.reactor->now());
  pump();
}

aio::Task<std::optional<Message>> RaftNode::ask(Message ask) {
  if (is_stopped_ || asks_.size() >= kAsksMax) co_return std::nullopt;
  const std::uint64_t id = next_ask_++;
  std::visit([id](auto& message) { message.id = id; }, ask);
  const aio::Completion<std::optional<Message>> answered;
  asks_.emplace(id, answered);
  core_->receive(options_.reactor->now(), ask);
  pump();
  co_return co_await answered.wait();
}

void RaftNode::receive(const Message& answer) {
  if (is_stopped_) return;
  core_->receive(options_.reactor->now(), answer);
  pump();
}

void RaftNode::unanswered(const ReplicaKey& to, const Message& ask) {
  if (is_stopped_) return;
  core_->unanswered(options_.reactor->now(), to, ask);
  pump();
}

void RaftNode::peer_died(NodeId node) {
  if (is_stopped_) return;
  core_->peer_died(options_.reactor->now(), node);
  pump();
}

void RaftNode::drop_asks() {
  for (auto& [id, answered] : std::exchange(asks_, {})) {
    options_.reactor->post([answered] { answered.set(std::nullopt); });
  }
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
    Effect effect = std::move(effects_.front());
    effects_.pop_front();
    if (const auto* state = std::get_if<PersistElection>(&effect)) {
      const auto done = co_await persist(state->state);
      if (!done) fail(done.error());
    } else {
      carry_out(std::move(effect));
    }
  }
  is_running_effects_ = false;
}

void RaftNode::carry_out(Effect effect) {
  if (const auto* start = std::get_if<StartEpoch>(&effect)) {
    if (auto done = start_epoch(*start); !done) fail(done.error());
  } else if (const auto* write = std::get_if<WriteVoters>(&effect)) {
    if (auto done = write_voters(*write); !done) fail(done.error());
  } else if (std::holds_alternative<FlushLog>(effect)) {
    is_flush_wanted_ = true;
    if (!std::exchange(is_flushing_, true)) aio::spawn(gate_, "raft flush", run_flushes());
  } else if (auto* message = std::get_if<Send>(&effect)) {
    send(message->to, std::move(message->message));
  } else if (const auto* advance = std::get_if<AdvanceHighWatermark>(&effect)) {
    listener_->on_high_watermark(advance->high_watermark);
  } else if (const auto* active = std::get_if<BecomeActive>(&effect)) {
    listener_->on_active(active->epoch);
  } else if (const auto* lost = std::get_if<LoseLeadership>(&effect)) {
    listener_->on_resigned(lost->epoch);
  } else if (const auto* changed = std::get_if<LeaderChanged>(&effect)) {
    listener_->on_leader_changed(changed->leader, changed->epoch);
  } else if (const auto* failed = std::get_if<LogFailed>(&effect)) {
    fail(failed->error);
  } else if (auto* sent = std::get_if<SendPiece>(&effect)) {
    aio::spawn(gate_, "send a piece", send_piece(std::move(*sent)));
  } else if (auto* taken = std::get_if<TakePiece>(&effect)) {
    take_piece(std::move(*taken));
  } else if (std::holds_alternative<DropPieces>(effect)) {
    drop_pieces();
  } else if (const auto* load = std::get_if<LoadSnapshot>(&effect)) {
    listener_->on_snapshot(load->id);
  }
}

void RaftNode::send(const ReplicaKey& to, Message message) {
  if (is_ask(message)) {
    if (options_.peers != nullptr) options_.peers->send(to, std::move(message));
    return;
  }
  const std::uint64_t id = std::visit([](const auto& answer) { return answer.id; }, message);
  auto asked = asks_.extract(id);
  if (asked.empty()) return;
  // Whoever asked runs later: it may stop this node, or ask again.
  options_.reactor->post([answered = asked.mapped(), answer = std::move(message)]() mutable {
    answered.set(std::move(answer));
  });
}

aio::Task<base::Result<>> RaftNode::persist(ElectionState state) {
  base::Disk* disk = options_.disk;
  const std::string directory = options_.directory;
  auto write = [disk, directory, state] { return write_quorum_state(*disk, directory, state); };
  co_return co_await aio::run_blocking(*options_.reactor, std::move(write));
}

base::Result<> RaftNode::start_epoch(const StartEpoch& start) {
  if (!core_->is_leader() || core_->epoch() != start.epoch) return {};
  VoterSet voters = core_->voters();
  // A leader knows best where it listens.
  for (Voter& voter : voters) {
    if (voter.key == self() && !options_.core.endpoints.empty()) voter.endpoints = options_.core.endpoints;
  }
  const StartOfEpoch content{
      .base_offset = log_->end_offset(),
      .epoch = start.epoch,
      .leader = options_.core.self.id,
      .granting = start.granting,
      .now_ms = options_.reactor->wall_ms(),
      .with_voters = !log_->history().has_voters_in_log() || voters != core_->voters()};
  TRY_ASSIGN(const auto batch, start_of_epoch_batch(content, voters));
  return append_control(batch);
}

base::Result<> RaftNode::write_voters(const WriteVoters& write) {
  if (!core_->is_leader() || core_->epoch() != write.epoch) return {};
  log.info("voters of the metadata quorum from offset {} on: {}", log_->end_offset(), to_text(write.voters));
  TRY_ASSIGN(const auto batch, voters_batch({.base_offset = log_->end_offset(),
                                             .epoch = write.epoch,
                                             .now_ms = options_.reactor->wall_ms()},
                                            write.voters));
  return append_control(batch);
}

base::Result<> RaftNode::append_control(const base::Bytes& batch) {
  TRY(log_->append(batch));
  core_->appended(options_.reactor->now());
  pump();
  return {};
}

aio::Task<> RaftNode::run_flushes() {
  // One flush at a time; what is appended meanwhile is covered by the next: group commit.
  while (std::exchange(is_flush_wanted_, false) && !is_stopped_) {
    auto work = log_->begin_flush();
    auto run = std::move(work.run);
    const base::Result<> done = co_await aio::run_blocking(*options_.reactor, std::move(run));
    const Offset end = log_->finish_flush(done);
    if (!done) {
      fail(done.error().context("flush the metadata log"));
      break;
    }
    core_->flushed(options_.reactor->now(), end);
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
  options_.reactor->cancel(clean_timer_);
  drop_asks();
  listener_->on_failed(error);
}

}  // namespace penstock::raft
