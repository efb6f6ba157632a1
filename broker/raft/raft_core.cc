#include "broker/raft/raft_core.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/assert.h"
#include "broker/raft/epoch_limits.h"

namespace penstock::raft {

namespace {

// Between one voter and the next that stand for a leader that died.
constexpr base::Duration kSuccessionTurn = base::milliseconds(40);

}  // namespace

RaftCore::RaftCore(CoreOptions options, RaftLog& log, base::Random& random, ElectionState persisted)
    : options_(options),
      log_(log),
      random_(random),
      election_(std::move(persisted)),
      flushed_(log.end_offset()) {}

std::vector<Effect> RaftCore::take_effects() { return std::exchange(effects_, {}); }

const Voter* RaftCore::find_voter(NodeId id) const {
  const auto found = std::ranges::find(voters(), id, [](const Voter& voter) { return voter.key.id; });
  return found == voters().end() ? nullptr : &*found;
}

bool RaftCore::is_voter(const ReplicaKey& key) const {
  const Voter* voter = find_voter(key.id);
  if (voter == nullptr) return false;
  return voter->key.directory.is_zero() || voter->key.directory == key.directory;
}

base::Duration RaftCore::random_timeout(base::Duration base) {
  const auto span = static_cast<std::uint64_t>(std::max<base::Duration::rep>(base.count(), 1));
  return base + base::Duration(static_cast<base::Duration::rep>(random_.below(span)));
}

void RaftCore::persist() { effects_.emplace_back(PersistElection{election_}); }

void RaftCore::start(base::MonoTime now) {
  // A log newer than quorum-state means that the file was lost; the log's epoch is the least that we knew.
  if (log_.last_epoch() > election_.epoch) election_ = ElectionState{.epoch = log_.last_epoch()};
  if (voters().size() == 1 && is_self_voter()) {
    become_candidate(now);
    return;
  }
  if (election_.leader == options_.self.id) {
    // A leader does not lead on after a restart: what it promised in memory is gone. Nor does it vote in that
    // epoch, which had its vote.
    role_ = Role::kResigned;
    deadline_ = now + random_timeout(options_.election_timeout);
  } else if (election_.leader != kafka::kNoNode) {
    become_follower(now, election_.leader, election_.epoch);
  } else {
    become_unattached(now, election_.epoch, kafka::kNoNode);
  }
  if (!is_self_voter()) fetch();
}

void RaftCore::receive(base::MonoTime now, const Message& message) {
  std::visit([&](const auto& m) { on(now, m); }, message);
}

base::MonoTime RaftCore::next_deadline() const {
  base::MonoTime next = deadline_;
  for (const auto& [id, at] : retries_) next = std::min(next, at);
  for (const ParkedFetch& parked : parked_) next = std::min(next, parked.until);
  if (change_) next = std::min(next, change_->until);
  return std::min(next, mend_at_);
}

void RaftCore::tick(base::MonoTime now) {
  ask_again(now);
  serve_overdue(now);
  expire_change(now);
  mend_own_vote(now);
  if (now < deadline_) return;
  switch (role_) {
    case Role::kUnattached:
    case Role::kFollower:
    case Role::kResigned:
      if (role_ == Role::kFollower && taking_) {
        // It is this node's own disk that takes its time, not the leader.
        deadline_ = now + options_.fetch_timeout;
        return;
      }
      if (std::exchange(is_leader_dead_, false)) ++successions_;
      if (is_self_voter()) {
        become_prospective(now);
        return;
      }
      // The leader may be another by now, and somebody else may know it.
      if (role_ != Role::kResigned) become_unattached(now, election_.epoch, kafka::kNoNode);
      deadline_ = now + random_timeout(options_.election_timeout);
      is_fetching_ = false;
      fetch();
      return;
    case Role::kProspective:
    case Role::kCandidate: {
      ++lost_elections_;
      const auto backoff = std::min(options_.election_backoff_max, base::Duration(base::milliseconds(50)) *
                                                                       (1U << std::min(lost_elections_, 6U)));
      become_prospective(now);
      deadline_ += base::Duration(
          static_cast<base::Duration::rep>(random_.below(static_cast<std::uint64_t>(backoff.count()) + 1)));
      return;
    }
    case Role::kLeader:
      check_quorum(now);
      return;
  }
}

void RaftCore::unanswered(base::MonoTime now, const ReplicaKey& to, const Message& ask) {
  if (const auto* fetch_ask = std::get_if<FetchAsk>(&ask)) {
    if (!is_fetching_ || fetch_ask->id != fetch_id_) return;
    is_fetching_ = false;
  } else if (const auto* piece = std::get_if<SnapshotAsk>(&ask)) {
    if (!is_fetching_ || piece->id != fetch_id_) return;
    is_fetching_ = false;
  } else if (const auto* vote = std::get_if<VoteAsk>(&ask)) {
    const Role asked_as = vote->is_pre_vote ? Role::kProspective : Role::kCandidate;
    if (role_ != asked_as || vote->epoch != election_.epoch) return;
  } else if (const auto* begin = std::get_if<BeginEpochAsk>(&ask)) {
    if (role_ != Role::kLeader || begin->epoch != election_.epoch) return;
  } else if (const auto* versions = std::get_if<VersionsAsk>(&ask)) {
    return on(now, VersionsAnswer{.id = versions->id, .refusal = Refusal::kUnavailable});
  } else {
    return;
  }
  retries_[to.id] = now + options_.retry_backoff;
}

void RaftCore::peer_died(base::MonoTime now, NodeId node) {
  if (role_ == Role::kProspective || role_ == Role::kCandidate) {
    // It will not vote: with it a vote that was split is known to be lost.
    if (find_voter(node) != nullptr && refused_.insert(node).second) count_votes(now);
    return;
  }
  if (node != election_.leader || (role_ != Role::kFollower && role_ != Role::kUnattached)) return;
  // There is no leader to defend any more.
  has_fetched_ = false;
  if (std::exchange(is_leader_dead_, true)) return;
  deadline_ = std::min(deadline_, now + succession_wait(node));
}

base::Duration RaftCore::succession_wait(NodeId dead) {
  // One stands before the other, so that they do not split the vote; all a little later than they know, so
  // that the others know too.
  const auto before = std::ranges::count_if(
      voters(), [&](const Voter& voter) { return voter.key.id != dead && voter.key.id < options_.self.id; });
  const base::Duration turn = kSuccessionTurn * (is_self_voter() ? before : 0) + kSuccessionTurn / 2;
  if (successions_ == 0) return turn;
  // The others do not agree: they hear the leader, or a majority is gone too.
  return std::min(random_timeout(kSuccessionTurn * (1U << std::min(successions_, 8U))),
                  options_.fetch_timeout);
}

void RaftCore::ask_again(base::MonoTime now) {
  std::vector<NodeId> due;
  for (const auto& [id, at] : retries_) {
    if (at <= now) due.push_back(id);
  }
  for (const NodeId id : due) {
    retries_.erase(id);
    const Voter* voter = find_voter(id);
    if (may_fetch()) {
      fetch();
    } else if (voter != nullptr && role_ == Role::kLeader) {
      begin_epoch(*voter);
    } else if (voter != nullptr && (role_ == Role::kProspective || role_ == Role::kCandidate)) {
      ask_for_vote(*voter);
    }
  }
}

bool RaftCore::observe(base::MonoTime now, LeaderEpoch epoch, NodeId leader) {
  if (epoch < election_.epoch || !is_credible(epoch, election_.epoch)) return false;
  const bool is_news =
      epoch > election_.epoch ||
      (leader != kafka::kNoNode && election_.leader == kafka::kNoNode && role_ != Role::kLeader);
  if (!is_news) return true;
  if (leader != kafka::kNoNode && leader != options_.self.id) {
    become_follower(now, leader, epoch);
  } else if (epoch > election_.epoch) {
    become_unattached(now, epoch, kafka::kNoNode);
  }
  return true;
}

void RaftCore::leave_role() {
  if (role_ == Role::kLeader) {
    if (change_) end_change({Refusal::kNotLeader});
    effects_.emplace_back(LoseLeadership{election_.epoch});
    for (const ParkedFetch& parked : std::exchange(parked_, {})) {
      FetchAnswer answer{.id = parked.ask.id, .from = options_.self.id, .refusal = Refusal::kNotLeader};
      answer.epoch = election_.epoch;
      effects_.emplace_back(Send{parked.ask.from, std::move(answer)});
    }
  }
  drop_download();
  is_active_ = false;
  mend_at_ = base::MonoTime::max();
  is_fetching_ = false;
  peers_.clear();
  retries_.clear();
}

void RaftCore::become_unattached(base::MonoTime now, LeaderEpoch epoch, NodeId leader) {
  leave_role();
  if (epoch != election_.epoch || leader != election_.leader) {
    if (epoch != election_.epoch) {
      election_.voted.reset();
      successions_ = 0;
    }
    election_.epoch = epoch;
    election_.leader = leader;
    persist();
    effects_.emplace_back(LeaderChanged{leader, epoch});
  }
  role_ = Role::kUnattached;
  deadline_ = now + random_timeout(options_.election_timeout);
}

void RaftCore::become_prospective(base::MonoTime now) {
  // The epoch stays: nobody is disturbed until a majority says that it would vote for us.
  leave_role();
  role_ = Role::kProspective;
  granted_ = {options_.self.id};
  refused_.clear();
  deadline_ = now + random_timeout(options_.election_timeout);
  ask_for_votes();
  count_votes(now);
}

void RaftCore::become_candidate(base::MonoTime now) {
  // No epoch is left to stand in.
  if (election_.epoch.value() == std::numeric_limits<std::int32_t>::max()) return;
  election_ = ElectionState{.epoch = election_.epoch + 1, .leader = kafka::kNoNode, .voted = options_.self};
  successions_ = 0;
  leave_role();
  role_ = Role::kCandidate;
  granted_ = {options_.self.id};
  refused_.clear();
  deadline_ = now + random_timeout(options_.election_timeout);
  persist();
  effects_.emplace_back(LeaderChanged{kafka::kNoNode, election_.epoch});
  ask_for_votes();
  count_votes(now);
}

void RaftCore::become_follower(base::MonoTime now, NodeId leader, LeaderEpoch epoch) {
  leave_role();
  if (epoch != election_.epoch) successions_ = 0;
  const ElectionState next{
      .epoch = epoch, .leader = leader, .voted = epoch == election_.epoch ? election_.voted : std::nullopt};
  if (!(next == election_)) {
    election_ = next;
    persist();
  }
  role_ = Role::kFollower;
  has_fetched_ = false;
  is_leader_dead_ = false;
  lost_elections_ = 0;
  deadline_ = now + options_.fetch_timeout;
  if (!options_.endpoints.empty()) mend_at_ = now + options_.fetch_timeout;
  effects_.emplace_back(LeaderChanged{leader, epoch});
  fetch();
}

void RaftCore::become_leader(base::MonoTime now) {
  lost_elections_ = 0;
  election_.leader = options_.self.id;
  election_.voted.reset();
  persist();
  epoch_start_ = log_.end_offset();
  leave_role();
  role_ = Role::kLeader;
  voters_known_ = log_.voters_offset();
  for (const Voter& voter : voters()) {
    if (voter.key.id == options_.self.id) continue;
    peers_[voter.key] = {.counted_from = now, .has_begun = true};
    begin_epoch(voter);
  }
  deadline_ = voters().size() == 1 ? base::MonoTime::max() : now + options_.fetch_timeout / 2;
  effects_.emplace_back(LeaderChanged{options_.self.id, election_.epoch});
  effects_.emplace_back(StartEpoch{election_.epoch, {granted_.begin(), granted_.end()}});
}

void RaftCore::resign(base::MonoTime now) {
  if (role_ != Role::kLeader) return;
  // Those with the most of our log stand first.
  std::vector<std::pair<Offset, ReplicaKey>> ranked;
  for (const auto& [key, peer] : peers_) {
    if (is_voter(key)) ranked.emplace_back(peer.end_offset, key);
  }
  std::ranges::sort(ranked, std::greater<>(), &std::pair<Offset, ReplicaKey>::first);
  EndEpochAsk ask{.leader = options_.self.id, .epoch = election_.epoch};
  for (const auto& [offset, key] : ranked) ask.preferred.push_back(key);
  for (const auto& [offset, key] : ranked) effects_.emplace_back(Send{key, ask});
  leave_role();
  role_ = Role::kResigned;
  // One that is no voter any more has only to find the next leader.
  deadline_ = now + (is_self_voter() ? random_timeout(options_.election_timeout) : options_.retry_backoff);
}

void RaftCore::flushed(base::MonoTime now, Offset end) {
  flushed_ = std::max(flushed_, end);
  if (role_ == Role::kLeader) advance_high_watermark(now);
  if (role_ == Role::kFollower) set_high_watermark(std::min(leader_high_watermark_, flushed_));
  if (may_fetch()) fetch();
}

void RaftCore::set_high_watermark(Offset to) {
  if (to <= high_watermark_) return;
  high_watermark_ = to;
  effects_.emplace_back(AdvanceHighWatermark{to});
}

}  // namespace penstock::raft
