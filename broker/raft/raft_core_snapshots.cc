// Snapshots in the core: what a leader offers in place of its log, and how a follower takes it.
//
// A download ends with the role: the file of the next leader's snapshot is another one, byte for byte, even
// under the same name. What is written to disk meanwhile comes back by piece_taken() all the same.
#include <algorithm>
#include <utility>

#include "broker/raft/raft_core.h"

namespace penstock::raft {

namespace {

constexpr std::int32_t kPieceBytesMax = 1 << 20;
constexpr std::int64_t kSnapshotBytesMax = 16LL << 30;

}  // namespace

RaftCore::Standing RaftCore::standing_of(Offset offset, LeaderEpoch epoch) const {
  const auto latest = log_.latest_snapshot();
  if (offset == Offset(0)) {
    // Who has nothing takes a snapshot rather than the log. The bootstrap snapshot has nothing that the log
    // has not, and stays where it is.
    if (latest && latest->offset > Offset(0)) return {.snapshot = latest};
    return {};
  }
  const auto earliest = log_.earliest_snapshot();
  if (earliest && (offset < log_.start_offset() ||
                   (offset == log_.start_offset() && epoch != earliest->epoch) || epoch < earliest->epoch)) {
    return {.snapshot = latest};
  }
  const OffsetAndEpoch agreed = log_.end_of(epoch);
  if (agreed.epoch != epoch || agreed.offset < offset) return {.diverging = agreed};
  return {};
}

void RaftCore::on(base::MonoTime now, const SnapshotAsk& ask) {
  SnapshotAnswer answer{.id = ask.id, .from = options_.self.id, .epoch = election_.epoch, .leader = leader()};
  answer.snapshot = ask.snapshot;
  answer.position = ask.position;
  const auto size = log_.snapshot_bytes(ask.snapshot);
  if (ask.epoch > election_.epoch) {
    answer.refusal = Refusal::kUnknownEpoch;
  } else if (ask.epoch < election_.epoch) {
    answer.refusal = Refusal::kFencedEpoch;
  } else if (role_ != Role::kLeader) {
    answer.refusal = Refusal::kNotLeader;
  } else if (!size || ask.snapshot.offset <= Offset(0)) {
    answer.refusal = Refusal::kNoSnapshot;
  } else if (ask.position < 0 || ask.position >= *size) {
    answer.refusal = Refusal::kOutOfRange;
  }
  if (answer.refusal != Refusal::kNone) {
    effects_.emplace_back(Send{ask.from, std::move(answer)});
    return;
  }
  ReplicaKey key = ask.from;
  if (is_voter(key)) key = find_voter(key.id)->key;
  if (const auto peer = peers_.find(key); peer != peers_.end()) peer->second.counted_from = now;
  answer.size_bytes = *size;
  const auto bytes_max = static_cast<std::size_t>(std::clamp(ask.bytes_max, 1, kPieceBytesMax));
  effects_.emplace_back(SendPiece{ask.from, std::move(answer), bytes_max});
}

void RaftCore::begin_download(base::MonoTime now, const OffsetAndEpoch& id) {
  if (id.offset < high_watermark_) {
    effects_.emplace_back(LogFailed{base::Error(
        base::Errc::kCorrupt,
        "the leader of the metadata quorum offers a snapshot that ends before what was committed")});
    return;
  }
  if (id.offset <= Offset(0) || has(id)) {
    // It is in the log: the leader thinks of an earlier question.
    give_up_download(now);
    return;
  }
  download_ = Download{.id = id};
  fetch();
}

void RaftCore::ask_for_piece(const ReplicaKey& leader) {
  effects_.emplace_back(Send{leader, SnapshotAsk{.id = ++fetch_id_,
                                                 .from = options_.self,
                                                 .epoch = election_.epoch,
                                                 .snapshot = download_->id,
                                                 .position = download_->position,
                                                 .bytes_max = kPieceBytesMax}});
}

bool RaftCore::is_next_piece(const SnapshotAnswer& answer) const {
  const auto bytes = static_cast<std::int64_t>(answer.piece.size());
  return download_ && answer.snapshot == download_->id && answer.position == download_->position &&
         answer.size_bytes <= kSnapshotBytesMax && bytes > 0 &&
         bytes <= answer.size_bytes - answer.position &&
         (download_->size_bytes < 0 || download_->size_bytes == answer.size_bytes);
}

void RaftCore::on(base::MonoTime now, const SnapshotAnswer& answer) {
  const bool is_awaited = is_fetching_ && answer.id == fetch_id_;
  if (is_awaited) is_fetching_ = false;
  if (!is_awaited || answer.epoch != election_.epoch || role_ != Role::kFollower ||
      answer.from != election_.leader) {
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
  const bool is_gone = answer.refusal == Refusal::kNoSnapshot || answer.refusal == Refusal::kOutOfRange;
  if (answer.refusal != Refusal::kNone && !is_gone) {
    retries_[leader()] = now + options_.retry_backoff;
    return;
  }
  if (is_gone || !is_next_piece(answer)) {
    // It is another by now: the leader says anew what it has.
    give_up_download(now);
    return;
  }
  TakePiece take{.snapshot = answer.snapshot, .position = answer.position, .piece = answer.piece};
  download_->size_bytes = answer.size_bytes;
  download_->position += static_cast<std::int64_t>(answer.piece.size());
  take.is_last = download_->position == answer.size_bytes;
  taking_ = Taking{take.snapshot, take.is_last};
  effects_.emplace_back(std::move(take));
}

void RaftCore::piece_taken(base::MonoTime now, const base::Result<>& outcome) {
  if (!taking_) return;
  const Taking taken = *std::exchange(taking_, std::nullopt);
  if (!outcome && outcome.error().code() != base::Errc::kCorrupt) {
    effects_.emplace_back(LogFailed{outcome.error().context("take a snapshot of the metadata")});
    return;
  }
  if (role_ == Role::kFollower) deadline_ = now + options_.fetch_timeout;
  if (!outcome) {
    // What this leader sends is damaged, and may be again.
    give_up_download(now);
    retries_[leader()] = now + options_.fetch_timeout / 2;
  } else if (taken.is_last) {
    download_.reset();
    install(taken.id);
  } else if (may_fetch()) {
    fetch();
  }
}

void RaftCore::give_up_download(base::MonoTime now) {
  drop_download();
  retries_[leader()] = now + options_.retry_backoff;
}

void RaftCore::drop_download() {
  if (std::exchange(download_, std::nullopt)) effects_.emplace_back(DropPieces{});
}

bool RaftCore::has(const OffsetAndEpoch& id) const {
  if (id.offset < log_.start_offset() || id.offset > log_.end_offset()) return false;
  const OffsetAndEpoch agreed = log_.end_of(id.epoch);
  return agreed.epoch == id.epoch && agreed.offset >= id.offset;
}

void RaftCore::install(const OffsetAndEpoch& id) {
  if (id.offset <= high_watermark_ || has(id)) {
    // Meanwhile the log has come that far by itself.
    if (may_fetch()) fetch();
    return;
  }
  if (role_ == Role::kLeader) {
    effects_.emplace_back(LogFailed{base::Error(
        base::Errc::kCorrupt, "this leader of the metadata quorum lacks what a snapshot says is committed")});
    return;
  }
  if (auto started = log_.start_at(id); !started) {
    effects_.emplace_back(LogFailed{started.error().context("begin the metadata log at a snapshot")});
    return;
  }
  flushed_ = id.offset;
  effects_.emplace_back(LoadSnapshot{id});
  set_high_watermark(id.offset);
  if (may_fetch()) fetch();
}

}  // namespace penstock::raft
