// How the voters change, one replica at a time (KIP-853): what a leader does about it, and what a follower
// does about its own place among them.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "broker/raft/raft_core.h"
#include "broker/raft/voters.h"

namespace penstock::raft {

namespace {

std::string name_of(const ReplicaKey& key) {
  return fmt::format("{} with directory {}", key.id, key.directory.to_string());
}

bool has_kraft_version(const Voter& voter, std::int16_t level) {
  return voter.kraft_version_min <= level && level <= voter.kraft_version_max;
}

}  // namespace

void RaftCore::answer_change(std::uint64_t id, const ReplicaKey& asked_by, Refused outcome) {
  effects_.emplace_back(Send{asked_by, ChangeAnswer{.id = id,
                                                    .from = options_.self.id,
                                                    .refusal = outcome.refusal,
                                                    .reason = std::move(outcome.reason),
                                                    .epoch = election_.epoch,
                                                    .leader = leader()}});
}

void RaftCore::end_change(Refused outcome) {
  const VoterChange ended = *std::exchange(change_, std::nullopt);
  if (!ended.is_answered) answer_change(ended.ask_id, ended.asked_by, std::move(outcome));
}

std::optional<RaftCore::Refused> RaftCore::refuse_change() const {
  if (role_ != Role::kLeader) return Refused{Refusal::kNotLeader};
  if (change_) return Refused{Refusal::kTimedOut, "another change of the voters is under way"};
  // A change of an earlier leader may still be taken back: only a record of this epoch settles it.
  if (!is_active_) return Refused{Refusal::kTimedOut, "the leader has committed nothing in its epoch yet"};
  if (log_.kraft_version() < kKraftVersion) {
    return Refused{Refusal::kUnsupported,
                   fmt::format("the voters cannot change while kraft.version is {}", log_.kraft_version())};
  }
  if (log_.voters_offset() >= high_watermark_) {
    return Refused{Refusal::kTimedOut, "the last change of the voters is not committed yet"};
  }
  return std::nullopt;
}

void RaftCore::on(base::MonoTime now, const AddVoterAsk& ask) {
  if (auto refused = refuse_change()) return answer_change(ask.id, ask.from, std::move(*refused));
  if (const Voter* known = find_voter(ask.voter.key.id)) {
    return answer_change(ask.id, ask.from,
                         {Refusal::kDuplicateVoter, fmt::format("node {} is a voter already: {}",
                                                                ask.voter.key.id, name_of(known->key))});
  }
  change_ = VoterChange{.ask_id = ask.id,
                        .asked_by = ask.from,
                        .added = ask.voter,
                        .is_answered_when_committed = ask.is_answered_when_committed,
                        .until = now + options_.change_timeout};
  effects_.emplace_back(
      Send{ask.voter.key, VersionsAsk{.id = ++change_id_, .endpoints = ask.voter.endpoints}});
}

void RaftCore::on(base::MonoTime now, const VersionsAnswer& answer) {
  if (!change_ || change_->step != VoterChange::Step::kAskVersions || answer.id != change_id_) return;
  Voter& added = change_->added;
  if (answer.refusal != Refusal::kNone) {
    return end_change(
        {Refusal::kTimedOut, fmt::format("node {} did not tell which versions it has", added.key.id)});
  }
  added.kraft_version_min = answer.kraft_version_min.value_or(0);
  added.kraft_version_max = answer.kraft_version_min ? answer.kraft_version_max : std::int16_t{0};
  if (!has_kraft_version(added, log_.kraft_version())) {
    return end_change({Refusal::kInvalid,
                       fmt::format("node {} has kraft.version {} to {}, and {} is finalized", added.key.id,
                                   added.kraft_version_min, added.kraft_version_max, log_.kraft_version())});
  }
  change_->step = VoterChange::Step::kCatchUp;
  add_caught_up(now);
}

// A voter that lags would hold up every commit that needs it.
void RaftCore::add_caught_up(base::MonoTime now) {
  if (!change_ || change_->step != VoterChange::Step::kCatchUp) return;
  const auto peer = peers_.find(change_->added.key);
  if (peer == peers_.end() || !peer->second.last_caught_up) return;
  if (*peer->second.last_caught_up + options_.fetch_timeout < now) return;
  VoterSet next = voters();
  next.push_back(change_->added);
  std::ranges::sort(next, {}, [](const Voter& voter) { return voter.key.id; });
  write_voters(std::move(next));
}

void RaftCore::on(base::MonoTime now, const RemoveVoterAsk& ask) {
  if (auto refused = refuse_change()) return answer_change(ask.id, ask.from, std::move(*refused));
  VoterSet next = voters();
  if (std::erase_if(next, [&](const Voter& voter) { return voter.key == ask.voter; }) == 0) {
    return answer_change(ask.id, ask.from,
                         {Refusal::kVoterNotFound, fmt::format("{} is no voter", name_of(ask.voter))});
  }
  if (next.empty()) {
    return answer_change(ask.id, ask.from,
                         {Refusal::kInvalid, fmt::format("{} is the only voter", name_of(ask.voter))});
  }
  change_ = VoterChange{.ask_id = ask.id, .asked_by = ask.from, .until = now + options_.change_timeout};
  write_voters(std::move(next));
}

void RaftCore::on(base::MonoTime now, const UpdateVoterAsk& ask) {
  const auto refuse = [&](Refusal refusal) { answer_change(ask.id, ask.from, {refusal}); };
  if (ask.epoch < election_.epoch) return refuse(Refusal::kFencedEpoch);
  if (ask.epoch > election_.epoch) return refuse(Refusal::kUnknownEpoch);
  if (auto refused = refuse_change()) return answer_change(ask.id, ask.from, std::move(*refused));
  if (!has_kraft_version(ask.voter, log_.kraft_version())) return refuse(Refusal::kInvalid);
  VoterSet next = voters();
  const auto found = std::ranges::find(next, ask.voter.key, &Voter::key);
  if (found == next.end()) return refuse(Refusal::kVoterNotFound);
  if (const auto peer = peers_.find(found->key); peer != peers_.end()) peer->second.counted_from = now;
  // It is not told when that is committed: it asks again while the log does not have it.
  answer_change(ask.id, ask.from, {});
  if (*found == ask.voter) return;
  *found = ask.voter;
  change_ = VoterChange{.is_answered = true, .until = now + options_.change_timeout};
  write_voters(std::move(next));
}

void RaftCore::write_voters(VoterSet voters) {
  change_->step = VoterChange::Step::kWrite;
  effects_.emplace_back(WriteVoters{election_.epoch, std::move(voters)});
}

// The log has other voters than before.
void RaftCore::take_new_voters(base::MonoTime now) {
  if (log_.voters_offset() == voters_known_) return;
  voters_known_ = log_.voters_offset();
  for (auto& [key, peer] : peers_) peer.has_begun = peer.has_begun && is_voter(key);
  for (const Voter& voter : voters()) {
    if (voter.key.id == options_.self.id) continue;
    Peer& peer = peers_[voter.key];
    if (std::exchange(peer.has_begun, true)) continue;
    // It has as long to show itself as those that were there when the epoch began.
    peer.counted_from = now;
    begin_epoch(voter);
  }
  deadline_ = std::min(deadline_, now + options_.fetch_timeout / 2);
  if (change_ && change_->step == VoterChange::Step::kWrite) {
    change_->step = VoterChange::Step::kCommit;
    if (!change_->is_answered_when_committed && !std::exchange(change_->is_answered, true)) {
      answer_change(change_->ask_id, change_->asked_by, {});
    }
  }
  advance_high_watermark(now);
}

void RaftCore::follow_up_commit(base::MonoTime now) {
  if (role_ != Role::kLeader || !is_active_ || high_watermark_ <= log_.voters_offset()) return;
  if (change_ && change_->step == VoterChange::Step::kCommit) end_change({});
  // Until here it led without a vote of its own, so that its removal could be committed.
  if (!is_self_voter()) resign(now);
}

void RaftCore::expire_change(base::MonoTime now) {
  if (!change_ || now < change_->until) return;
  const bool is_behind = change_->step == VoterChange::Step::kCatchUp;
  end_change({Refusal::kTimedOut, is_behind
                                      ? fmt::format("node {} has not caught up", change_->added.key.id)
                                      : std::string("the change of the voters was not committed in time")});
}

void RaftCore::mend_own_vote(base::MonoTime now) {
  if (role_ != Role::kFollower || now < mend_at_) return;
  mend_at_ = now + options_.fetch_timeout;
  if (log_.kraft_version() < kKraftVersion) return;
  ReplicaKey to{election_.leader, {}};
  if (const Voter* leading = find_voter(to.id)) to = leading->key;
  const Voter* known = find_voter(options_.self.id);
  if (known != nullptr && known->key == options_.self) {
    if (known->endpoints == options_.endpoints) return;
    Voter own = *known;
    own.endpoints = options_.endpoints;
    effects_.emplace_back(Send{
        to,
        UpdateVoterAsk{
            .id = ++change_id_, .from = options_.self, .epoch = election_.epoch, .voter = std::move(own)}});
    return;
  }
  // Who is behind may take an old set of voters for the newest.
  const bool has_caught_up = has_fetched_ && log_.end_offset() >= leader_high_watermark_;
  if (!options_.is_joining || !has_caught_up) return;
  if (known != nullptr) {
    effects_.emplace_back(
        Send{to, RemoveVoterAsk{.id = ++change_id_, .from = options_.self, .voter = known->key}});
    return;
  }
  // What it has to fetch before it counts includes the record that makes it a voter: it cannot wait for that.
  effects_.emplace_back(Send{to, AddVoterAsk{.id = ++change_id_,
                                             .from = options_.self,
                                             .voter = {.key = options_.self, .endpoints = options_.endpoints},
                                             .is_answered_when_committed = false}});
}

void RaftCore::on(base::MonoTime now, const ChangeAnswer& answer) {
  if (role_ != Role::kFollower || answer.id != change_id_) return;
  // What was done is soon in the log, and the next step can be taken.
  if (answer.refusal == Refusal::kNone) mend_at_ = std::min(mend_at_, now + options_.fetch_wait);
  observe(now, answer.epoch, answer.leader);
}

}  // namespace penstock::raft
