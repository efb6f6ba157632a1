// What a leader does: serves fetches, moves the high watermark, sees to it that a majority still follows.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "broker/raft/raft_core.h"

namespace penstock::raft {

namespace {

constexpr std::size_t kParkedMax = 1024;
constexpr std::size_t kObserversMax = 1024;
constexpr base::Duration kParkMax = base::seconds(10);
constexpr base::Duration kObserverSession = base::seconds(300);

}  // namespace

void RaftCore::begin_epoch(const Voter& voter) {
  effects_.emplace_back(
      Send{voter.key, BeginEpochAsk{.to = voter.key, .leader = options_.self.id, .epoch = election_.epoch}});
}

void RaftCore::appended(base::MonoTime now) {
  BASE_ASSERT(role_ == Role::kLeader, "only a leader appends");
  effects_.emplace_back(FlushLog{});
  serve_parked();
  take_new_voters(now);
}

void RaftCore::on(base::MonoTime now, const FetchAsk& ask) {
  if (role_ == Role::kLeader && ask.epoch == election_.epoch) note_fetch(now, ask);
  bool is_worth_sending = true;
  FetchAnswer answer = serve(ask, is_worth_sending);
  if (!is_worth_sending && park(now, ask)) return;
  effects_.emplace_back(Send{ask.from, std::move(answer)});
}

FetchAnswer RaftCore::serve(const FetchAsk& ask, bool& is_worth_sending) const {
  FetchAnswer answer{.id = ask.id, .from = options_.self.id, .epoch = election_.epoch, .leader = leader()};
  answer.high_watermark = high_watermark_;
  is_worth_sending = true;
  if (ask.epoch > election_.epoch) {
    answer.refusal = Refusal::kUnknownEpoch;
  } else if (ask.epoch < election_.epoch) {
    answer.refusal = Refusal::kFencedEpoch;
  } else if (role_ != Role::kLeader) {
    answer.refusal = Refusal::kNotLeader;
  } else if (const Standing standing = standing_of(ask.offset, ask.last_fetched_epoch);
             !standing.is_valid()) {
    answer.diverging = standing.diverging;
    answer.snapshot = standing.snapshot;
  } else {
    auto records = log_.read(ask.offset, options_.fetch_bytes_max);
    if (records) answer.records = std::move(*records);
    is_worth_sending = !answer.records.empty() || high_watermark_ > ask.high_watermark;
  }
  return answer;
}

void RaftCore::note_fetch(base::MonoTime now, const FetchAsk& ask) {
  ReplicaKey key = ask.from;
  if (is_voter(key)) {
    key = find_voter(key.id)->key;
  } else if (!peers_.contains(key)) {
    forget_observers(now);
    if (peers_.size() >= voters().size() + kObserversMax) return;
  }
  Peer& peer = peers_[key];
  const Offset leader_end = log_.end_offset();
  const Offset leader_end_before = std::exchange(peer.leader_end, leader_end);
  const auto fetched_before = std::exchange(peer.last_fetch, now);
  peer.counted_from = now;
  // Where it agrees with us; before that is known its offset says nothing.
  if (ask.offset > leader_end || !standing_of(ask.offset, ask.last_fetched_epoch).is_valid()) return;
  if (ask.offset >= leader_end) {
    peer.last_caught_up = now;
  } else if (fetched_before && ask.offset >= leader_end_before) {
    peer.last_caught_up = fetched_before;
  }
  peer.end_offset = ask.offset;
  if (is_voter(key)) {
    advance_high_watermark(now);
  } else {
    add_caught_up(now);
  }
}

bool RaftCore::park(base::MonoTime now, const FetchAsk& ask) {
  // A replica that asks again has given up on what it asked before.
  for (ParkedFetch& parked : parked_) {
    if (parked.ask.from != ask.from) continue;
    bool is_worth_sending = false;
    effects_.emplace_back(Send{parked.ask.from, serve(parked.ask, is_worth_sending)});
    parked = {ask, now + std::min(ask.wait, kParkMax)};
    return true;
  }
  if (ask.wait <= base::Duration::zero() || parked_.size() >= kParkedMax) return false;
  parked_.push_back({ask, now + std::min(ask.wait, kParkMax)});
  return true;
}

void RaftCore::serve_parked() {
  std::erase_if(parked_, [this](const ParkedFetch& parked) {
    bool is_worth_sending = false;
    FetchAnswer answer = serve(parked.ask, is_worth_sending);
    if (is_worth_sending) effects_.emplace_back(Send{parked.ask.from, std::move(answer)});
    return is_worth_sending;
  });
}

void RaftCore::serve_overdue(base::MonoTime now) {
  std::erase_if(parked_, [&](const ParkedFetch& parked) {
    if (parked.until > now) return false;
    bool is_worth_sending = false;
    effects_.emplace_back(Send{parked.ask.from, serve(parked.ask, is_worth_sending)});
    return true;
  });
}

void RaftCore::forget_observers(base::MonoTime now) {
  std::erase_if(peers_, [&](const auto& entry) {
    return !is_voter(entry.first) && entry.second.counted_from + kObserverSession < now;
  });
}

std::vector<ReplicaProgress> RaftCore::progress(base::MonoTime now) const {
  std::vector<ReplicaProgress> all;
  if (role_ != Role::kLeader) return all;
  all.push_back({options_.self, is_self_voter(), log_.end_offset(), now, now});
  for (const auto& [key, peer] : peers_) {
    const bool is_voting = is_voter(key);
    if (!is_voting && peer.counted_from + kObserverSession < now) continue;
    all.push_back({key, is_voting, peer.end_offset, peer.last_fetch, peer.last_caught_up});
  }
  return all;
}

void RaftCore::advance_high_watermark(base::MonoTime now) {
  std::vector<Offset> ends;
  for (const Voter& voter : voters()) {
    if (voter.key.id == options_.self.id && is_self_voter()) {
      ends.push_back(flushed_);
    } else if (const auto peer = peers_.find(voter.key); peer != peers_.end()) {
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
  const bool is_news = agreed > high_watermark_;
  set_high_watermark(agreed);
  if (!std::exchange(is_active_, true)) effects_.emplace_back(BecomeActive{election_.epoch});
  if (is_news) serve_parked();
  follow_up_commit(now);
}

void RaftCore::check_quorum(base::MonoTime now) {
  const auto timeout = options_.fetch_timeout * 3 / 2;
  std::vector<base::MonoTime> signs;
  for (const auto& [key, peer] : peers_) {
    if (!is_voter(key)) continue;
    signs.push_back(peer.counted_from);
    // It may have missed that an epoch began, and then waits for nothing.
    if (now >= peer.counted_from + options_.fetch_timeout / 2) begin_epoch(*find_voter(key.id));
  }
  const std::size_t needed = majority() - (is_self_voter() ? 1 : 0);
  if (needed == 0 || signs.size() < needed) {
    deadline_ = needed == 0 ? base::MonoTime::max() : now + timeout;
    return;
  }
  std::ranges::sort(signs, std::greater<>());
  const base::MonoTime oldest_needed = signs[needed - 1];
  if (now < oldest_needed + timeout) {
    deadline_ = std::min(oldest_needed + timeout, now + options_.fetch_timeout / 2);
    return;
  }
  resign(now);
}

}  // namespace penstock::raft
