#include "broker/raft/raft_core.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace penstock::raft {

RaftCore::RaftCore(CoreOptions options, RaftLog& log, base::Random& random, ElectionState persisted,
                   VoterSet voters)
    : options_(options),
      log_(log),
      random_(random),
      election_(std::move(persisted)),
      voters_(std::move(voters)),
      flushed_(log.end_offset()) {}

std::vector<Effect> RaftCore::take_effects() { return std::exchange(effects_, {}); }

const Voter* RaftCore::find_voter(NodeId id) const {
  const auto found = std::ranges::find(voters_, id, [](const Voter& voter) { return voter.key.id; });
  return found == voters_.end() ? nullptr : &*found;
}

bool RaftCore::is_voter(const ReplicaKey& key) const {
  const Voter* voter = find_voter(key.id);
  if (voter == nullptr) return false;
  return key.directory.is_zero() || voter->key.directory.is_zero() || voter->key.directory == key.directory;
}

base::Duration RaftCore::random_timeout(base::Duration base) {
  const auto span = static_cast<std::uint64_t>(std::max<base::Duration::rep>(base.count(), 1));
  return base + base::Duration(static_cast<base::Duration::rep>(random_.below(span)));
}

void RaftCore::persist() { effects_.emplace_back(PersistElection{election_}); }

void RaftCore::start(base::MonoTime now) {
  // A log newer than quorum-state means that the file was lost; the log's epoch is the least that we knew.
  if (log_.last_epoch() > election_.epoch) election_ = ElectionState{.epoch = log_.last_epoch()};
  if (voters_.size() == 1 && is_voter(options_.self)) {
    become_candidate(now);
    return;
  }
  // A leader does not lead on after a restart: what it promised in memory is gone.
  if (election_.leader != kafka::kNoNode && election_.leader != options_.self.id) {
    become_follower(now, election_.leader, election_.epoch);
  } else {
    become_unattached(now, election_.epoch, kafka::kNoNode);
  }
}

void RaftCore::receive(base::MonoTime now, const Message& message) {
  std::visit([&](const auto& m) { on(now, m); }, message);
}

void RaftCore::tick(base::MonoTime now) {
  if (now < deadline_) return;
  switch (role_) {
    case Role::kUnattached:
    case Role::kFollower:
    case Role::kResigned:
      if (is_voter(options_.self)) {
        become_prospective(now);
      } else {
        deadline_ = now + options_.fetch_timeout;
        fetch();
      }
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

bool RaftCore::observe(base::MonoTime now, LeaderEpoch epoch, NodeId leader) {
  if (epoch < election_.epoch) return false;
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

void RaftCore::leave_leadership() {
  if (role_ == Role::kLeader) effects_.emplace_back(LoseLeadership{election_.epoch});
  is_active_ = false;
  peers_.clear();
}

void RaftCore::become_unattached(base::MonoTime now, LeaderEpoch epoch, NodeId leader) {
  leave_leadership();
  if (epoch != election_.epoch || leader != election_.leader) {
    if (epoch != election_.epoch) election_.voted.reset();
    election_.epoch = epoch;
    election_.leader = leader;
    persist();
  }
  role_ = Role::kUnattached;
  deadline_ = now + random_timeout(options_.election_timeout);
}

void RaftCore::become_prospective(base::MonoTime now) {
  // The epoch stays: nobody is disturbed until a majority says that it would vote for us.
  role_ = Role::kProspective;
  granted_ = {options_.self.id};
  refused_.clear();
  deadline_ = now + random_timeout(options_.election_timeout);
  ask_for_votes(true);
  count_votes(now);
}

void RaftCore::become_candidate(base::MonoTime now) {
  election_ = ElectionState{.epoch = election_.epoch + 1, .leader = kafka::kNoNode, .voted = options_.self};
  role_ = Role::kCandidate;
  granted_ = {options_.self.id};
  refused_.clear();
  deadline_ = now + random_timeout(options_.election_timeout);
  persist();
  ask_for_votes(false);
  count_votes(now);
}

void RaftCore::become_follower(base::MonoTime now, NodeId leader, LeaderEpoch epoch) {
  leave_leadership();
  const ElectionState next{
      .epoch = epoch, .leader = leader, .voted = epoch == election_.epoch ? election_.voted : std::nullopt};
  if (!(next == election_)) {
    election_ = next;
    persist();
  }
  role_ = Role::kFollower;
  lost_elections_ = 0;
  deadline_ = now + options_.fetch_timeout;
  effects_.emplace_back(LeaderChanged{leader, epoch});
  fetch();
}

void RaftCore::become_leader(base::MonoTime now) {
  role_ = Role::kLeader;
  lost_elections_ = 0;
  election_.leader = options_.self.id;
  election_.voted.reset();
  persist();
  epoch_start_ = log_.end_offset();
  is_active_ = false;
  peers_.clear();
  for (const Voter& voter : voters_) {
    if (voter.key.id == options_.self.id) continue;
    peers_[voter.key.id].last_fetch = now;
    effects_.emplace_back(Send{voter.key, BeginEpochAsk{options_.self.id, election_.epoch}});
  }
  deadline_ = voters_.size() == 1 ? base::MonoTime::max() : now + options_.fetch_timeout * 3 / 2;
  effects_.emplace_back(LeaderChanged{options_.self.id, election_.epoch});
  effects_.emplace_back(StartEpoch{election_.epoch, {granted_.begin(), granted_.end()}});
}

void RaftCore::resign(base::MonoTime now) {
  if (role_ != Role::kLeader) return;
  // Those with the most of our log stand first.
  std::vector<std::pair<Offset, ReplicaKey>> ranked;
  for (const auto& [id, peer] : peers_) {
    if (const Voter* voter = find_voter(id)) ranked.emplace_back(peer.end_offset, voter->key);
  }
  std::ranges::sort(ranked, std::greater<>(), &std::pair<Offset, ReplicaKey>::first);
  EndEpochAsk ask{options_.self.id, election_.epoch, {}};
  for (const auto& [offset, key] : ranked) ask.preferred.push_back(key);
  for (const auto& [offset, key] : ranked) effects_.emplace_back(Send{key, ask});
  leave_leadership();
  role_ = Role::kResigned;
  deadline_ = now + random_timeout(options_.election_timeout);
}

void RaftCore::set_voters(VoterSet voters) {
  voters_ = std::move(voters);
  if (role_ == Role::kLeader) advance_high_watermark();
}

void RaftCore::appended(base::MonoTime /*now*/) {
  BASE_ASSERT(role_ == Role::kLeader, "only a leader appends");
  effects_.emplace_back(FlushLog{});
}

void RaftCore::flushed(base::MonoTime /*now*/, Offset end) {
  flushed_ = std::max(flushed_, end);
  if (role_ == Role::kLeader) advance_high_watermark();
  // A follower fetches on only from what it has on disk: its offset is its vote for the high watermark.
  if (role_ == Role::kFollower) fetch();
}

void RaftCore::set_high_watermark(Offset to) {
  if (to <= high_watermark_) return;
  high_watermark_ = to;
  effects_.emplace_back(AdvanceHighWatermark{to});
}

void RaftCore::advance_high_watermark() {
  std::vector<Offset> ends;
  for (const Voter& voter : voters_) {
    if (voter.key.id == options_.self.id) {
      ends.push_back(flushed_);
    } else if (const auto peer = peers_.find(voter.key.id); peer != peers_.end()) {
      ends.push_back(peer->second.end_offset);
    } else {
      ends.push_back(kafka::kNoOffset);
    }
  }
  if (ends.empty()) return;
  std::ranges::sort(ends, std::greater<>());
  const Offset agreed = ends[majority() - 1];
  // Only a record of our own epoch on a majority commits what came before it (Raft, section 5.4.2).
  if (agreed <= epoch_start_) return;
  set_high_watermark(agreed);
  if (!std::exchange(is_active_, true)) effects_.emplace_back(BecomeActive{election_.epoch});
}

void RaftCore::check_quorum(base::MonoTime now) {
  const auto timeout = options_.fetch_timeout * 3 / 2;
  std::vector<base::MonoTime> fetches;
  for (const auto& [id, peer] : peers_) {
    if (find_voter(id) != nullptr) fetches.push_back(peer.last_fetch);
  }
  const bool is_self_voter = is_voter(options_.self);
  const std::size_t needed = majority() - (is_self_voter ? 1 : 0);
  if (needed == 0 || fetches.size() < needed) {
    deadline_ = needed == 0 ? base::MonoTime::max() : now + timeout;
    return;
  }
  std::ranges::sort(fetches, std::greater<>());
  const base::MonoTime oldest_needed = fetches[needed - 1];
  if (now < oldest_needed + timeout) {
    deadline_ = oldest_needed + timeout;
    return;
  }
  resign(now);
}

}  // namespace penstock::raft
