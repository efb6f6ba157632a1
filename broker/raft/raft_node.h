// One member of the quorum: the raft core with its log, its quorum-state file and its timers.
//
// open() reads what is on disk; start() lets it elect and replicate; stop() ends it. With one voter it leads
// as soon as its first record is on disk.
//
// Lifetime: the listener outlives stop().
// Threads: the control reactor; open() may run before it does. fsyncs run on the blocking pool.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/aio/completion.h"
#include "base/aio/gate.h"
#include "base/aio/reactor.h"
#include "base/aio/task.h"
#include "base/disk.h"
#include "base/random.h"
#include "broker/raft/raft_core.h"
#include "broker/raft/snapshot_file.h"
#include "broker/raft/storage_raft_log.h"
#include "broker/raft/voters.h"

namespace penstock::raft {

class RaftListener {
 public:
  virtual ~RaftListener() = default;
  // Everything below is committed.
  virtual void on_high_watermark(Offset high_watermark) = 0;
  // This node leads and knows everything that was committed before: it may decide.
  virtual void on_active(LeaderEpoch epoch) = 0;
  // Whatever was decided in this epoch and is not committed may be lost.
  virtual void on_resigned(LeaderEpoch epoch) = 0;
  virtual void on_leader_changed(NodeId leader, LeaderEpoch epoch) = 0;
  // The log was dropped and begins at this snapshot; the state is to be loaded from it.
  virtual void on_snapshot(const OffsetAndEpoch& id) = 0;
  // The disk failed; this node takes no further part.
  virtual void on_failed(const base::Error& error) = 0;
};

// Takes questions to other replicas. What comes of one is given to RaftNode::receive() or unanswered(), later
// and once.
class PeerSender {
 public:
  virtual ~PeerSender() = default;
  virtual void send(const ReplicaKey& to, Message ask) = 0;
};

struct RaftNodeOptions {
  aio::Reactor* reactor = nullptr;
  base::Disk* disk = nullptr;
  base::Random* random = nullptr;
  PeerSender* peers = nullptr;  // Null: the node is alone.
  std::string directory;        // ".../__cluster_metadata-0"
  CoreOptions core{};
  std::int32_t segment_bytes = 1 << 30;
  std::int64_t segment_ms = 604'800'000;
  SnapshotRetention retention{};
};

// What a state machine writes its snapshot with, where blocking is allowed.
using WriteState = std::move_only_function<base::Result<>(SnapshotWriter&)>;

class RaftNode {
 public:
  // ERRORS: kIo, kCorrupt, kUnsupported (a kraft.version above ours).
  static base::Result<std::unique_ptr<RaftNode>> open(RaftNodeOptions options);
  ~RaftNode();

  void start(RaftListener& listener);
  aio::Task<> stop();
  // Gives leadership up, so that another voter is elected at once.
  void resign();
  // Another replica's question, and what this one answers; nullopt once stopped.
  // Bounds: kAsksMax at a time, further ones get nullopt.
  aio::Task<std::optional<Message>> ask(Message ask);
  // An answer to one of ours.
  void receive(const Message& answer);
  void unanswered(const ReplicaKey& to, const Message& ask);
  // The node's process is gone, as connections to it prove. Told again and again while that is so.
  void peer_died(NodeId node);

  // The newest snapshot; the log goes on behind it.
  std::optional<OffsetAndEpoch> snapshot() const { return log_->latest_snapshot(); }
  std::string snapshot_path() const;
  // Makes a snapshot of what is committed below id.offset, which is the end of a batch. False: there is no
  // use for it any more. REQUIRES: id.offset is not above the high watermark. ERRORS: kIo, kNoSpace; the node
  // goes on without it.
  aio::Task<base::Result<bool>> write_snapshot(OffsetAndEpoch id, std::int64_t last_timestamp_ms,
                                               WriteState write);

  // Appends the records as one batch, so that all or none is committed. Returns the offset of the last.
  // REQUIRES: records is not empty. ERRORS: kConflict (not the leader of that epoch), kIo, kNoSpace.
  base::Result<Offset> append(LeaderEpoch epoch, const std::vector<base::Bytes>& records);
  // Whole batches from the log.
  base::Result<base::Bytes> read(Offset from, std::size_t bytes_max) const {
    return log_->read(from, bytes_max);
  }

  Offset start_offset() const { return log_->start_offset(); }
  Offset end_offset() const { return log_->end_offset(); }
  Offset high_watermark() const { return core_->high_watermark(); }
  LeaderEpoch epoch() const { return core_->epoch(); }
  NodeId leader() const { return core_->leader(); }
  bool is_leader() const { return core_->is_leader(); }
  bool is_self_voter() const { return core_->is_self_voter(); }
  const ReplicaKey& self() const { return options_.core.self; }
  const VoterSet& voters() const { return core_->voters(); }
  // Of the record that has them; kNoOffset when it is not in the log.
  Offset voters_offset() const { return log_->voters_offset(); }
  std::int16_t kraft_version() const { return log_->history().kraft_version(); }
  std::vector<ReplicaProgress> progress() const { return core_->progress(options_.reactor->now()); }

 private:
  static constexpr std::size_t kAsksMax = 4096;
  // Pieces of snapshots that are read for others at a time; further ones are told to ask again.
  static constexpr std::size_t kPiecesMax = 16;

  explicit RaftNode(RaftNodeOptions options);
  base::Result<> load();

  void pump();
  aio::Task<> run_effects();
  aio::Task<base::Result<>> persist(ElectionState state);
  base::Result<> start_epoch(const StartEpoch& start);
  base::Result<> write_voters(const WriteVoters& write);
  base::Result<> append_control(const base::Bytes& batch);
  aio::Task<> run_flushes();
  void carry_out(Effect effect);
  void send(const ReplicaKey& to, Message message);
  aio::Task<> send_piece(SendPiece piece);
  // Pieces are taken, and dropped, one after the other.
  void take_piece(TakePiece piece);
  void drop_pieces();
  aio::Task<> run_piece_work();
  void arm_cleaning();
  aio::Task<> clean();
  aio::Task<base::Result<>> write_piece(TakePiece piece);
  aio::Task<base::Result<>> finish_download();
  void arm_timer();
  void fail(const base::Error& error);
  void drop_asks();

  const RaftNodeOptions options_;
  std::unique_ptr<StorageRaftLog> log_;
  std::unique_ptr<RaftCore> core_;
  RaftListener* listener_ = nullptr;
  std::deque<Effect> effects_;  // Bounded by what one event makes: the pump runs before the next.
  std::map<std::uint64_t, aio::Completion<std::optional<Message>>> asks_;  // At most kAsksMax.
  std::uint64_t next_ask_ = 1;
  bool is_running_effects_ = false;
  bool is_flush_wanted_ = false;
  bool is_flushing_ = false;
  bool is_stopped_ = false;
  std::size_t pieces_being_sent_ = 0;       // At most kPiecesMax.
  std::unique_ptr<SnapshotFile> download_;  // What was taken of the leader's snapshot.
  std::optional<TakePiece> piece_;          // To be taken next.
  bool is_drop_wanted_ = false;
  bool is_piece_work_running_ = false;
  aio::TimerId timer_ = aio::TimerId::kNone;
  aio::TimerId clean_timer_ = aio::TimerId::kNone;
  aio::Gate gate_;
};

}  // namespace penstock::raft
