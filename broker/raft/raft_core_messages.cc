// What the core does with each message.
#include <algorithm>
#include <utility>

#include "broker/raft/raft_core.h"

namespace penstock::raft {

void RaftCore::ask_for_votes(bool is_pre_vote) {
  for (const Voter& voter : voters_) {
    if (voter.key.id == options_.self.id) continue;
    effects_.emplace_back(
        Send{voter.key, VoteAsk{options_.self, voter.key, election_.epoch, last(), is_pre_vote}});
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
  // So many refused that it cannot be won: wait for the leader or for the next try, do not ask again.
  if (refused_.size() > voters_.size() - majority() && role_ == Role::kProspective &&
      election_.leader != kafka::kNoNode) {
    become_follower(now, election_.leader, election_.epoch);
  }
}

bool RaftCore::can_grant(const VoteAsk& ask) const {
  const bool is_up_to_date = !(ask.last < last());
  if (ask.is_pre_vote) {
    // A follower that hears its leader defends it; any other says what it would vote.
    if (role_ == Role::kLeader || (role_ == Role::kFollower && high_watermark_ >= Offset(0))) return false;
    return is_up_to_date;
  }
  if (role_ == Role::kLeader || role_ == Role::kCandidate || role_ == Role::kResigned) return false;
  if (election_.leader != kafka::kNoNode) return false;
  if (election_.voted) return *election_.voted == ask.from;
  return is_up_to_date;
}

void RaftCore::on(base::MonoTime now, const VoteAsk& ask) {
  VoteAnswer answer{.from = options_.self.id, .is_pre_vote = ask.is_pre_vote};
  // A candidate stands for an epoch that no log has yet; a pre-vote may name the log's own epoch.
  const bool is_legal = ask.is_pre_vote ? ask.last.epoch <= ask.epoch : ask.last.epoch < ask.epoch;
  if (!is_legal || !is_voter(options_.self) || (!ask.to.directory.is_zero() && !is_voter(ask.to))) {
    answer.refusal = Refusal::kInvalid;
  } else if (ask.epoch < election_.epoch) {
    answer.refusal = Refusal::kFencedEpoch;
  } else {
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
  EpochAnswer answer{.from = options_.self.id};
  if (!observe(now, ask.epoch, ask.leader)) answer.refusal = Refusal::kFencedEpoch;
  answer.epoch = election_.epoch;
  answer.leader = leader();
  const Voter* voter = find_voter(ask.leader);
  effects_.emplace_back(Send{voter != nullptr ? voter->key : ReplicaKey{ask.leader, {}}, answer});
}

void RaftCore::on(base::MonoTime now, const EndEpochAsk& ask) {
  EpochAnswer answer{.from = options_.self.id};
  if (!observe(now, ask.epoch, ask.leader)) {
    answer.refusal = Refusal::kFencedEpoch;
  } else if (ask.epoch == election_.epoch && is_voter(options_.self) && role_ == Role::kFollower) {
    const auto place = std::ranges::find(ask.preferred, options_.self);
    // The first in line stands at once, the others a little later each, so that they do not split the vote.
    const auto rank = place - ask.preferred.begin();
    deadline_ = now + base::milliseconds(50) * rank;
  }
  answer.epoch = election_.epoch;
  answer.leader = leader();
  const Voter* voter = find_voter(ask.leader);
  effects_.emplace_back(Send{voter != nullptr ? voter->key : ReplicaKey{ask.leader, {}}, answer});
}

void RaftCore::on(base::MonoTime now, const EpochAnswer& answer) {
  observe(now, answer.epoch, answer.leader);
}

void RaftCore::fetch() {
  const Voter* voter = find_voter(election_.leader);
  if (voter == nullptr || voter->key.id == options_.self.id) return;
  effects_.emplace_back(
      Send{voter->key, FetchAsk{options_.self, election_.epoch, log_.end_offset(), log_.last_epoch()}});
}

void RaftCore::on(base::MonoTime now, const FetchAsk& ask) {
  FetchAnswer answer{.from = options_.self.id};
  answer.epoch = election_.epoch;
  answer.leader = leader();
  if (ask.epoch > election_.epoch) {
    answer.refusal = Refusal::kUnknownEpoch;
  } else if (ask.epoch < election_.epoch) {
    answer.refusal = Refusal::kFencedEpoch;
  } else if (role_ != Role::kLeader) {
    answer.refusal = Refusal::kNotLeader;
  } else if (const OffsetAndEpoch agreed = log_.end_of(ask.last_fetched_epoch);
             ask.offset > Offset(0) &&
             (agreed.epoch < ask.last_fetched_epoch || agreed.offset < ask.offset)) {
    answer.diverging = agreed;
  } else {
    auto records = log_.read(ask.offset, options_.fetch_bytes_max);
    if (records) answer.records = std::move(*records);
    if (const auto peer = peers_.find(ask.from.id); peer != peers_.end() && is_voter(ask.from)) {
      peer->second.last_fetch = now;
      peer->second.end_offset = ask.offset;
      advance_high_watermark();
    }
  }
  answer.high_watermark = high_watermark_;
  effects_.emplace_back(Send{ask.from, std::move(answer)});
}

void RaftCore::on(base::MonoTime now, const FetchAnswer& answer) {
  if (answer.refusal != Refusal::kNone) {
    observe(now, answer.epoch, answer.leader);
    return;
  }
  if (role_ != Role::kFollower || answer.epoch != election_.epoch || answer.from != election_.leader) return;
  deadline_ = now + options_.fetch_timeout;
  if (answer.diverging) {
    const OffsetAndEpoch ours = log_.end_of(answer.diverging->epoch);
    const Offset cut = std::min(ours.offset, answer.diverging->offset);
    if (cut >= high_watermark_ && log_.truncate_to(cut)) {
      flushed_ = std::min(flushed_, cut);
      fetch();
    }
    return;
  }
  if (!answer.records.empty()) {
    if (!log_.append(answer.records)) return;
    effects_.emplace_back(FlushLog{});
  }
  set_high_watermark(std::min(answer.high_watermark, flushed_));
  if (answer.records.empty()) fetch();
}

}  // namespace penstock::raft
