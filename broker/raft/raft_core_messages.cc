// What the core does with each message.
#include <algorithm>
#include <utility>

#include "broker/raft/epoch_limits.h"
#include "broker/raft/raft_core.h"

namespace penstock::raft {

namespace {

constexpr base::Duration kSplitVotePause = base::milliseconds(50);

}  // namespace

void RaftCore::ask_for_vote(const Voter& voter) {
  effects_.emplace_back(Send{voter.key, VoteAsk{.from = options_.self,
                                                .to = voter.key,
                                                .epoch = election_.epoch,
                                                .last = last(),
                                                .is_pre_vote = role_ == Role::kProspective}});
}

void RaftCore::ask_for_votes() {
  for (const Voter& voter : voters()) {
    if (voter.key.id != options_.self.id) ask_for_vote(voter);
  }
}

void RaftCore::count_votes(base::MonoTime now) {
  if (granted_.size() >= majority()) {
    if (role_ == Role::kProspective) {
      become_candidate(now);
    } else if (role_ == Role::kCandidate) {
      become_leader(now);
    }
    return;
  }
  if (refused_.size() <= voters().size() - majority()) return;
  // So many refused that it cannot be won: wait for the leader or for the next try, do not ask again.
  if (role_ == Role::kProspective && leader() != kafka::kNoNode) {
    become_follower(now, leader(), election_.epoch);
  } else if (role_ == Role::kCandidate) {
    // Two stood at the same time, most likely. The one that draws the shorter pause stands again first.
    const auto pause =
        std::min(options_.election_backoff_max, kSplitVotePause * (1U << std::min(lost_elections_, 6U)));
    deadline_ = std::min(deadline_, now + random_timeout(pause));
  }
}

bool RaftCore::can_grant(const VoteAsk& ask) const {
  const bool is_up_to_date = !(ask.last < last());
  if (ask.is_pre_vote) {
    // A follower that hears its leader defends it; any other says what it would vote.
    if (role_ == Role::kLeader || (role_ == Role::kFollower && has_fetched_)) return false;
    return is_up_to_date;
  }
  if (role_ == Role::kLeader || role_ == Role::kCandidate || role_ == Role::kResigned) return false;
  if (election_.leader != kafka::kNoNode) return false;
  if (election_.voted) return *election_.voted == ask.from;
  return is_up_to_date;
}

void RaftCore::on(base::MonoTime now, const VoteAsk& ask) {
  VoteAnswer answer{.id = ask.id, .from = options_.self.id, .is_pre_vote = ask.is_pre_vote};
  // A candidate stands for an epoch that no log has yet; a pre-vote may name the log's own epoch.
  const bool is_legal = ask.is_pre_vote ? ask.last.epoch <= ask.epoch : ask.last.epoch < ask.epoch;
  if (!is_legal || !is_credible(ask.epoch, election_.epoch)) {
    answer.refusal = Refusal::kInvalid;
  } else if (ask.epoch < election_.epoch) {
    answer.refusal = Refusal::kFencedEpoch;
  } else if (!is_meant_for_us(ask.to)) {
    if (ask.epoch > election_.epoch) become_unattached(now, ask.epoch, kafka::kNoNode);
    answer.refusal = Refusal::kWrongVoter;
  } else {
    // One that does not know yet that it is a voter votes too: those who ask know.
    if (ask.epoch > election_.epoch) become_unattached(now, ask.epoch, kafka::kNoNode);
    answer.is_granted = can_grant(ask);
    if (answer.is_granted && !ask.is_pre_vote && !election_.voted) {
      election_.voted = ask.from;
      role_ = Role::kUnattached;
      deadline_ = now + random_timeout(options_.election_timeout);
      persist();
    }
  }
  answer.epoch = election_.epoch;
  answer.leader = leader();
  effects_.emplace_back(Send{ask.from, answer});
}

void RaftCore::on(base::MonoTime now, const VoteAnswer& answer) {
  if (answer.epoch > election_.epoch) {
    observe(now, answer.epoch, answer.leader);
    return;
  }
  const Role asked_as = answer.is_pre_vote ? Role::kProspective : Role::kCandidate;
  if (role_ != asked_as || answer.epoch != election_.epoch) return;
  (answer.is_granted ? granted_ : refused_).insert(answer.from);
  if (!answer.is_granted && answer.leader != kafka::kNoNode && answer.leader != options_.self.id) {
    become_follower(now, answer.leader, answer.epoch);
    return;
  }
  count_votes(now);
}

void RaftCore::on(base::MonoTime now, const BeginEpochAsk& ask) {
  EpochAnswer answer{.id = ask.id, .from = options_.self.id};
  if (!observe(now, ask.epoch, ask.leader)) {
    answer.refusal = Refusal::kFencedEpoch;
  } else if (!is_meant_for_us(ask.to)) {
    answer.refusal = Refusal::kWrongVoter;
  }
  answer.epoch = election_.epoch;
  answer.leader = leader();
  effects_.emplace_back(Send{ReplicaKey{ask.leader, {}}, answer});
}

void RaftCore::on(base::MonoTime now, const EndEpochAsk& ask) {
  EpochAnswer answer{.id = ask.id, .from = options_.self.id};
  if (!observe(now, ask.epoch, ask.leader)) {
    answer.refusal = Refusal::kFencedEpoch;
  } else if (ask.epoch == election_.epoch && is_self_voter() && role_ == Role::kFollower) {
    const auto place = std::ranges::find(ask.preferred, options_.self);
    // The first in line stands at once, the others a little later each, so that they do not split the vote.
    const auto rank = place - ask.preferred.begin();
    deadline_ = now + base::milliseconds(50) * rank;
    // There is no leader to defend any more.
    has_fetched_ = false;
  }
  answer.epoch = election_.epoch;
  answer.leader = leader();
  effects_.emplace_back(Send{ReplicaKey{ask.leader, {}}, answer});
}

void RaftCore::on(base::MonoTime now, const EpochAnswer& answer) {
  observe(now, answer.epoch, answer.leader);
}

void RaftCore::fetch() {
  // A replica asks only from what it has on disk: its offset is its vote for the high watermark.
  if (is_fetching_ || taking_ || flushed_ < log_.end_offset()) return;
  ReplicaKey to{leader(), {}};
  if (const Voter* voter = find_voter(to.id)) to = voter->key;
  if (to.id == options_.self.id) return;
  // A voter without a leader finds one by its next election.
  if (to.id == kafka::kNoNode && is_self_voter()) return;
  is_fetching_ = true;
  if (download_) {
    ask_for_piece(to);
    return;
  }
  effects_.emplace_back(Send{to, FetchAsk{.id = ++fetch_id_,
                                          .from = options_.self,
                                          .epoch = election_.epoch,
                                          .offset = log_.end_offset(),
                                          .last_fetched_epoch = log_.last_epoch(),
                                          .high_watermark = high_watermark_,
                                          .wait = options_.fetch_wait}});
}

void RaftCore::on(base::MonoTime now, const FetchAnswer& answer) {
  // An answer that was given up on may tell of a new epoch, but its records are not wanted any more.
  const bool is_awaited = is_fetching_ && answer.id == fetch_id_;
  if (is_awaited) is_fetching_ = false;
  if (!is_awaited || answer.refusal != Refusal::kNone || answer.epoch != election_.epoch ||
      role_ != Role::kFollower || answer.from != election_.leader) {
    observe(now, answer.epoch, answer.leader);
    if (is_awaited && may_fetch() && !is_fetching_) {
      retries_[leader()] = now + options_.retry_backoff;
    }
    return;
  }
  deadline_ = now + options_.fetch_timeout;
  has_fetched_ = true;
  is_leader_dead_ = false;
  successions_ = 0;
  take_records(now, answer);
}

void RaftCore::take_records(base::MonoTime now, const FetchAnswer& answer) {
  if (answer.diverging) {
    const OffsetAndEpoch ours = log_.end_of(answer.diverging->epoch);
    const Offset cut = std::min(ours.offset, answer.diverging->offset);
    if (cut < high_watermark_) {
      effects_.emplace_back(LogFailed{base::Error(
          base::Errc::kCorrupt, "the leader of the metadata quorum has other records than were committed")});
      return;
    }
    if (auto truncated = log_.truncate_to(cut); !truncated) {
      effects_.emplace_back(LogFailed{truncated.error().context("truncate the metadata log")});
      return;
    }
    flushed_ = std::min(flushed_, cut);
    // The flush of what was dropped says nothing of what was kept.
    if (flushed_ < cut) effects_.emplace_back(FlushLog{});
    fetch();
    return;
  }
  if (answer.snapshot) {
    begin_download(now, *answer.snapshot);
    return;
  }
  leader_high_watermark_ = answer.high_watermark;
  if (answer.records.empty()) {
    set_high_watermark(std::min(leader_high_watermark_, flushed_));
    fetch();
    return;
  }
  if (auto appended = log_.append(answer.records); !appended) {
    effects_.emplace_back(LogFailed{appended.error().context("append to the metadata log")});
    return;
  }
  set_high_watermark(std::min(leader_high_watermark_, flushed_));
  effects_.emplace_back(FlushLog{});
}

}  // namespace penstock::raft
