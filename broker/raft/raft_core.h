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
#include <set>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "broker/raft/raft_log.h"
#include "broker/raft/types.h"

namespace penstock::raft {

struct CoreOptions {
  ReplicaKey self{};
  base::Duration election_timeout = base::milliseconds(1000);
  base::Duration election_backoff_max = base::milliseconds(1000);
  base::Duration fetch_timeout = base::milliseconds(2000);
  std::size_t fetch_bytes_max = 1 << 20;
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
  NodeId leader{};
  LeaderEpoch epoch{};
};
using Effect = std::variant<PersistElection, Send, StartEpoch, FlushLog, AdvanceHighWatermark, BecomeActive,
                            LoseLeadership, LeaderChanged>;

class RaftCore {
 public:
  RaftCore(CoreOptions options, RaftLog& log, base::Random& random, ElectionState persisted, VoterSet voters);

  // Call once; a lone voter elects itself at once.
  void start(base::MonoTime now);
  void receive(base::MonoTime now, const Message& message);
  // Does what is due.
  void tick(base::MonoTime now);
  base::MonoTime next_deadline() const { return deadline_; }

  // The leader's log got records (its own epoch's). REQUIRES: is_leader().
  void appended(base::MonoTime now);
  // Everything below `end` is durable here.
  void flushed(base::MonoTime now, Offset end);
  // Voters as of the newest VotersRecord in the log.
  void set_voters(VoterSet voters);
  // Gives leadership up, telling the others.
  void resign(base::MonoTime now);

  std::vector<Effect> take_effects();

  Role role() const { return role_; }
  bool is_leader() const { return role_ == Role::kLeader; }
  LeaderEpoch epoch() const { return election_.epoch; }
  NodeId leader() const { return role_ == Role::kLeader ? options_.self.id : election_.leader; }
  Offset high_watermark() const { return high_watermark_; }
  const VoterSet& voters() const { return voters_; }

 private:
  struct Peer {
    Offset end_offset = kafka::kNoOffset;
    base::MonoTime last_fetch{};
  };

  void on(base::MonoTime now, const VoteAsk& ask);
  void on(base::MonoTime now, const VoteAnswer& answer);
  void on(base::MonoTime now, const BeginEpochAsk& ask);
  void on(base::MonoTime now, const EndEpochAsk& ask);
  void on(base::MonoTime now, const EpochAnswer& answer);
  void on(base::MonoTime now, const FetchAsk& ask);
  void on(base::MonoTime now, const FetchAnswer& answer);

  bool is_voter(const ReplicaKey& key) const;
  const Voter* find_voter(NodeId id) const;
  std::size_t majority() const { return voters_.size() / 2 + 1; }
  OffsetAndEpoch last() const { return {log_.end_offset(), log_.last_epoch()}; }
  bool can_grant(const VoteAsk& ask) const;

  void become_unattached(base::MonoTime now, LeaderEpoch epoch, NodeId leader);
  void become_prospective(base::MonoTime now);
  void become_candidate(base::MonoTime now);
  void become_follower(base::MonoTime now, NodeId leader, LeaderEpoch epoch);
  void become_leader(base::MonoTime now);
  // A newer epoch or a leader was heard of. False when the message is of an older epoch.
  bool observe(base::MonoTime now, LeaderEpoch epoch, NodeId leader);
  void leave_leadership();
  void ask_for_votes(bool is_pre_vote);
  void count_votes(base::MonoTime now);
  void fetch();
  void advance_high_watermark();
  void check_quorum(base::MonoTime now);
  void persist();
  void set_high_watermark(Offset to);
  base::Duration random_timeout(base::Duration base);

  const CoreOptions options_;
  RaftLog& log_;
  base::Random& random_;
  ElectionState election_;
  VoterSet voters_;
  Role role_ = Role::kUnattached;
  base::MonoTime deadline_ = base::MonoTime::max();
  Offset high_watermark_ = kafka::kNoOffset;
  Offset flushed_{0};
  Offset epoch_start_{0};     // Of the leader's own epoch.
  bool is_active_ = false;    // BecomeActive was told.
  std::set<NodeId> granted_;  // In the election that runs.
  std::set<NodeId> refused_;
  std::uint32_t lost_elections_ = 0;
  std::map<NodeId, Peer> peers_;  // As the leader knows them.
  std::vector<Effect> effects_;
};

}  // namespace penstock::raft
