// The consensus of KRaft as a deterministic state machine: events and the time go in, effects come out.
//
// Effects are carried out in order; one that says "persist" or "append" is done before the next begins, so no
// message leaves before what it promises is on disk. Only flushing runs beside: a leader's own bytes count
// for the high watermark after flushed().
//
// Threads: one reactor. Lifetime: the log outlives it.
// Source: KIP-595 (Raft), KIP-853 (voters as replicas with directories), KIP-996 (pre-vote).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "broker/raft/raft_log.h"
#include "broker/raft/types.h"

namespace penstock::raft {

struct CoreOptions {
  ReplicaKey self{};
  base::Duration election_timeout = base::milliseconds(1000);
  base::Duration election_backoff_max = base::milliseconds(1000);
  base::Duration fetch_timeout = base::milliseconds(2000);
  // How long a leader may keep a fetch that finds nothing new; below fetch_timeout.
  base::Duration fetch_wait = base::milliseconds(500);
  // After a question that could not be delivered or was not answered.
  base::Duration retry_backoff = base::milliseconds(20);
  std::size_t fetch_bytes_max = 1 << 20;
  // How long a change of the voters may take; meanwhile no other is taken.
  base::Duration change_timeout = base::milliseconds(2000);
  // Where this node listens as a voter; nowhere: it cannot be one.
  std::vector<Endpoint> endpoints{};
  // Adds itself to the voters, in place of an earlier replica of the same node.
  bool is_joining = false;
};

enum class Role : std::uint8_t { kUnattached, kProspective, kCandidate, kFollower, kLeader, kResigned };

struct PersistElection {
  ElectionState state{};
};
struct Send {
  ReplicaKey to{};
  Message message{};
};
// A new leader: the start-of-epoch control batch is to be built and given to append().
struct StartEpoch {
  LeaderEpoch epoch{};
  std::vector<NodeId> granting{};
};
// Other voters: the control batch is to be built and given to append().
struct WriteVoters {
  LeaderEpoch epoch{};
  VoterSet voters{};
};
struct FlushLog {};
struct AdvanceHighWatermark {
  Offset high_watermark{};
};
// The epoch's first records are committed: the state machine above may decide.
struct BecomeActive {
  LeaderEpoch epoch{};
};
struct LoseLeadership {
  LeaderEpoch epoch{};
};
struct LeaderChanged {
  NodeId leader{};  // kNoNode while there is none that is known.
  LeaderEpoch epoch{};
};
// The log took no more: this node can take no further part.
struct LogFailed {
  base::Error error;
};
// The piece is to be read from the file of the snapshot, and the answer sent.
struct SendPiece {
  ReplicaKey to{};
  SnapshotAnswer answer{};
  std::size_t bytes_max = 0;
};
// To be written behind the pieces before it; the first has position 0. Behind the last one the file is
// checked, made durable and known to the log as a snapshot. Say then how it went: piece_taken(). One at a
// time.
struct TakePiece {
  OffsetAndEpoch snapshot{};
  std::int64_t position = 0;
  bool is_last = false;
  base::Bytes piece{};
};
// What was taken of a snapshot is not wanted any more.
struct DropPieces {};
// The log was dropped and begins at this snapshot: the state machine above is to be loaded from it.
struct LoadSnapshot {
  OffsetAndEpoch id{};
};
using Effect =
    std::variant<PersistElection, Send, StartEpoch, WriteVoters, FlushLog, AdvanceHighWatermark, BecomeActive,
                 LoseLeadership, LeaderChanged, LogFailed, SendPiece, TakePiece, DropPieces, LoadSnapshot>;

// How far a replica has come, as the leader knows it.
struct ReplicaProgress {
  ReplicaKey key{};
  bool is_voter = false;
  Offset end_offset = kafka::kNoOffset;
  std::optional<base::MonoTime> last_fetch{};
  std::optional<base::MonoTime> last_caught_up{};
};

class RaftCore {
 public:
  RaftCore(CoreOptions options, RaftLog& log, base::Random& random, ElectionState persisted);

  // Call once; a lone voter elects itself at once.
  void start(base::MonoTime now);
  void receive(base::MonoTime now, const Message& message);
  // A question was lost, or its answer was: it is asked again a little later.
  void unanswered(base::MonoTime now, const ReplicaKey& to, const Message& ask);
  // The node's process is gone for certain: if it is the leader that is followed, another is elected soon. To
  // be told again while it is so.
  void peer_died(base::MonoTime now, NodeId node);
  // Does what is due.
  void tick(base::MonoTime now);
  base::MonoTime next_deadline() const;

  // The leader's log got records (its own epoch's). REQUIRES: is_leader().
  void appended(base::MonoTime now);
  // Everything below `end` is durable here.
  void flushed(base::MonoTime now, Offset end);
  // How it went with the TakePiece before. ERRORS taken: kCorrupt (the snapshot is fetched anew), any other
  // ends the node.
  void piece_taken(base::MonoTime now, const base::Result<>& outcome);
  // Gives leadership up, telling the others.
  void resign(base::MonoTime now);

  std::vector<Effect> take_effects();

  Role role() const { return role_; }
  bool is_leader() const { return role_ == Role::kLeader; }
  LeaderEpoch epoch() const { return election_.epoch; }
  // One that led and does not any more knows of no leader, though it may not vote in that epoch again.
  NodeId leader() const {
    if (role_ == Role::kLeader) return options_.self.id;
    return election_.leader == options_.self.id ? kafka::kNoNode : election_.leader;
  }
  Offset high_watermark() const { return high_watermark_; }
  const VoterSet& voters() const { return log_.voters(); }
  const Voter* find_voter(NodeId id) const;
  bool is_self_voter() const { return is_voter(options_.self); }
  // The id of the newest fetch.
  std::uint64_t fetches() const { return fetch_id_; }
  // Voters and observers, this node among them. Empty unless this node leads.
  std::vector<ReplicaProgress> progress(base::MonoTime now) const;

 private:
  struct Peer {
    Offset end_offset = kafka::kNoOffset;
    Offset leader_end = kafka::kNoOffset;  // At its last fetch.
    base::MonoTime counted_from{};         // Its last sign of life, or when the leader's epoch began.
    std::optional<base::MonoTime> last_fetch{};
    std::optional<base::MonoTime> last_caught_up{};
    bool has_begun = false;  // As a voter it was told of this epoch.
  };
  // A change of the voters that the leader is about; there is one at a time.
  struct VoterChange {
    enum class Step : std::uint8_t { kAskVersions, kCatchUp, kWrite, kCommit };
    Step step = Step::kAskVersions;
    std::uint64_t ask_id = 0;
    ReplicaKey asked_by{};
    Voter added{};
    bool is_answered_when_committed = true;
    bool is_answered = false;
    base::MonoTime until{};
  };
  struct ParkedFetch {
    FetchAsk ask{};
    base::MonoTime until{};
  };

  void on(base::MonoTime now, const VoteAsk& ask);
  void on(base::MonoTime now, const VoteAnswer& answer);
  void on(base::MonoTime now, const BeginEpochAsk& ask);
  void on(base::MonoTime now, const EndEpochAsk& ask);
  void on(base::MonoTime now, const EpochAnswer& answer);
  void on(base::MonoTime now, const FetchAsk& ask);
  void on(base::MonoTime now, const FetchAnswer& answer);
  void on(base::MonoTime now, const AddVoterAsk& ask);
  void on(base::MonoTime now, const RemoveVoterAsk& ask);
  void on(base::MonoTime now, const UpdateVoterAsk& ask);
  void on(base::MonoTime now, const ChangeAnswer& answer);
  void on(base::MonoTime now, const VersionsAsk& /*ask*/) { (void)now; }
  void on(base::MonoTime now, const VersionsAnswer& answer);
  void on(base::MonoTime now, const SnapshotAsk& ask);
  void on(base::MonoTime now, const SnapshotAnswer& answer);

  bool is_voter(const ReplicaKey& key) const;
  std::size_t majority() const { return voters().size() / 2 + 1; }
  OffsetAndEpoch last() const { return {log_.end_offset(), log_.last_epoch()}; }
  bool can_grant(const VoteAsk& ask) const;
  // A zero directory is one that the sender does not know.
  bool is_meant_for_us(const ReplicaKey& to) const {
    return to.id == options_.self.id && (to.directory.is_zero() || options_.self.directory.is_zero() ||
                                         to.directory == options_.self.directory);
  }

  void become_unattached(base::MonoTime now, LeaderEpoch epoch, NodeId leader);
  void become_prospective(base::MonoTime now);
  void become_candidate(base::MonoTime now);
  void become_follower(base::MonoTime now, NodeId leader, LeaderEpoch epoch);
  void become_leader(base::MonoTime now);
  // A newer epoch or a leader was heard of. False when the message is of an older epoch.
  bool observe(base::MonoTime now, LeaderEpoch epoch, NodeId leader);
  void leave_role();
  void ask_for_vote(const Voter& voter);
  void ask_for_votes();
  void count_votes(base::MonoTime now);
  void begin_epoch(const Voter& voter);
  void ask_again(base::MonoTime now);
  // From the leader, or from whoever can tell who leads. One at a time.
  void fetch();
  bool may_fetch() const {
    return role_ == Role::kFollower || role_ == Role::kUnattached || role_ == Role::kResigned;
  }
  void take_records(base::MonoTime now, const FetchAnswer& answer);
  // Snapshots: what the leader says to a replica that is at `offset`, behind a record of `epoch`.
  struct Standing {
    std::optional<OffsetAndEpoch> diverging{};
    std::optional<OffsetAndEpoch> snapshot{};
    bool is_valid() const { return !diverging && !snapshot; }
  };
  Standing standing_of(Offset offset, LeaderEpoch epoch) const;
  void begin_download(base::MonoTime now, const OffsetAndEpoch& id);
  void ask_for_piece(const ReplicaKey& leader);
  bool is_next_piece(const SnapshotAnswer& answer) const;
  void give_up_download(base::MonoTime now);
  void drop_download();
  // The snapshot is on disk: the log begins at it unless it has gone past it by itself.
  void install(const OffsetAndEpoch& id);
  // Whether the log holds exactly what the snapshot does.
  bool has(const OffsetAndEpoch& id) const;
  // As the leader.
  FetchAnswer serve(const FetchAsk& ask, bool& is_worth_sending) const;
  void note_fetch(base::MonoTime now, const FetchAsk& ask);
  bool park(base::MonoTime now, const FetchAsk& ask);
  void serve_parked();
  void serve_overdue(base::MonoTime now);
  void forget_observers(base::MonoTime now);
  void advance_high_watermark(base::MonoTime now);
  // Changes of the voters, as the leader.
  struct Refused {
    Refusal refusal = Refusal::kNone;
    std::string reason{};
  };
  std::optional<Refused> refuse_change() const;
  void answer_change(std::uint64_t id, const ReplicaKey& asked_by, Refused outcome);
  void end_change(Refused outcome);
  void write_voters(VoterSet voters);
  void expire_change(base::MonoTime now);
  void add_caught_up(base::MonoTime now);
  void take_new_voters(base::MonoTime now);
  void follow_up_commit(base::MonoTime now);
  // As a follower: sees to it that this node stands among the voters as it is.
  void mend_own_vote(base::MonoTime now);
  void check_quorum(base::MonoTime now);
  void persist();
  void set_high_watermark(Offset to);
  base::Duration random_timeout(base::Duration base);
  base::Duration succession_wait(NodeId dead);

  const CoreOptions options_;
  RaftLog& log_;
  base::Random& random_;
  ElectionState election_;
  Role role_ = Role::kUnattached;
  base::MonoTime deadline_ = base::MonoTime::max();
  Offset high_watermark_ = kafka::kNoOffset;
  Offset flushed_{0};
  Offset epoch_start_{0};     // Of the leader's own epoch.
  bool is_active_ = false;    // BecomeActive was told.
  std::set<NodeId> granted_;  // In the election that runs.
  std::set<NodeId> refused_;
  std::uint32_t lost_elections_ = 0;
  bool is_leader_dead_ = false;               // The one that is followed, as far as this node knows.
  std::uint32_t successions_ = 0;             // Times that this node stood for a dead leader, of this epoch.
  std::map<NodeId, base::MonoTime> retries_;  // Who is asked again when; at most the voters, and anyone.
  std::map<ReplicaKey, Peer> peers_;   // As the leader knows them: the voters, and at most kObserversMax.
  std::vector<ParkedFetch> parked_;    // At most one of each replica, and kParkedMax.
  std::optional<VoterChange> change_;  // A leader's.
  Offset voters_known_ = kafka::kNoOffset;  // A leader's: which voters it has acted on.
  std::uint64_t change_id_ = 0;  // Of the newest question about a change, a leader's or a follower's.
  base::MonoTime mend_at_ = base::MonoTime::max();
  std::uint64_t fetch_id_ = 0;
  bool is_fetching_ = false;
  bool has_fetched_ = false;                         // From the leader that is followed.
  Offset leader_high_watermark_ = kafka::kNoOffset;  // As it said last.
  struct Download {
    OffsetAndEpoch id{};
    std::int64_t position = 0;  // Of the next piece.
    std::int64_t size_bytes = -1;
  };
  std::optional<Download> download_;  // From the leader that is followed.
  struct Taking {
    OffsetAndEpoch id{};
    bool is_last = false;
  };
  std::optional<Taking> taking_;  // A TakePiece is under way, maybe of a download that was dropped.
  std::vector<Effect> effects_;
};

}  // namespace penstock::raft
