#include "broker/replication/fetch.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/aio/sleep.h"
#include "broker/replication/partition_set.h"
#include "broker/replication/replica_manager.h"
#include "broker/replication/scatter.h"

namespace penstock::replication {

namespace {

// More than any fetch waits for, and far from overflow when several reactors say it.
constexpr std::int64_t kMustAnswerBytes = std::int64_t{1} << 50;

// The answer to a consumer that has a nearer replica: no records, and who it is.
ReadOutcome redirect(const Partition& partition, kafka::NodeId reader) {
  ReadOutcome outcome;
  outcome.preferred_reader = reader;
  outcome.high_watermark = partition.high_watermark();
  outcome.last_stable_offset = partition.readable_end(Isolation::kReadCommitted);
  outcome.log_start_offset = partition.log_start_offset();
  return outcome;
}

}  // namespace

FetchShare::FetchShare(PartitionSet& set, std::vector<FetchItem> items, OnChange on_change)
    : set_(set), items_(std::move(items)), on_change_(std::move(on_change)) {}

void FetchShare::arm() {
  if (!watches_) watches_ = std::make_unique<Watch[]>(items_.size());
  changed_bytes_ = 0;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    Watch& watch = watches_[i];
    if (watch.is_waiting()) continue;
    watch.share = this;
    watch.isolation = items_[i].request.isolation;
    watch.hears_of_commits = items_[i].known_high_watermark != kafka::kNoOffset;
    if (Partition* partition = set_.find(items_[i].key)) partition->wait_change(watch);
  }
}

void FetchShare::changed(std::int64_t bytes, bool must_answer) {
  // What must be answered is found by the read that follows; any number of bytes makes it happen.
  changed_bytes_ = must_answer ? kMustAnswerBytes : changed_bytes_ + bytes;
  if (std::exchange(is_change_posted_, true)) return;
  // All appends of this turn of the loop wake the reader once.
  set_.reactor().post([self = shared_from_this()] {
    self->is_change_posted_ = false;
    if (!self->is_closed_) self->on_change_(std::exchange(self->changed_bytes_, 0));
  });
}

void FetchShare::close() {
  is_closed_ = true;
  watches_.reset();
}

std::vector<FetchOutcome> FetchShare::read_once(std::int64_t bytes_max, bool may_block) {
  std::vector<FetchOutcome> outcomes(items_.size());
  bool has_records = false;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    FetchOutcome& outcome = outcomes[i];
    Partition* partition = set_.find(items_[i].key);
    if (partition == nullptr) {
      outcome.read.error = kafka::ErrorCode::kNotLeaderOrFollower;
      continue;
    }
    ReadRequest request = items_[i].request;
    request.may_block = may_block;
    request.is_one_batch_guaranteed = !has_records;
    request.bytes_max = static_cast<std::int32_t>(std::min<std::int64_t>(request.bytes_max, bytes_max));
    if (must_wait_for_quota(*partition, items_[i])) {
      request.bytes_max = 0;
      request.is_one_batch_guaranteed = false;
    }
    if (!items_[i].rack.empty()) {
      outcome.read.preferred_reader = partition->preferred_reader(items_[i].rack, request.offset);
    }
    if (outcome.read.preferred_reader != kafka::kNoNode) {
      outcome.read = redirect(*partition, outcome.read.preferred_reader);
    } else {
      outcome.read = partition->read(request);
    }
    if (items_[i].follower.node != kafka::kNoNode) note_follower(*partition, items_[i], outcome);
    outcome.leader = partition->leader();
    outcome.leader_epoch = partition->leader_epoch();
    const auto bytes = static_cast<std::int64_t>(outcome.read.records.size());
    bytes_max = std::max<std::int64_t>(bytes_max - bytes, 0);
    has_records = has_records || bytes > 0 || outcome.read.warm_up;
  }
  has_noted_followers_ = true;
  return outcomes;
}

// Only a fetch without complaint proves that the follower has what it says: an old epoch or a log that parts
// from ours does not.
void FetchShare::note_follower(Partition& partition, const FetchItem& item, FetchOutcome& outcome) {
  ReadOutcome& read = outcome.read;
  if (!read.is_ok()) return;
  if (!partition.has_follower(item.follower.node)) {
    // A reassignment that we have not heard of yet, or nobody's replica.
    const bool has_epoch = item.request.current_leader_epoch != kafka::kNoLeaderEpoch;
    read = {};
    read.error = has_epoch ? kafka::ErrorCode::kUnknownLeaderEpoch : kafka::ErrorCode::kNotLeaderOrFollower;
    return;
  }
  if (read.diverging) return;
  if (!has_noted_followers_) set_.on_follower_fetch(partition, item.follower);
  read.high_watermark = partition.high_watermark();
  outcome.has_high_watermark_news =
      item.known_high_watermark != kafka::kNoOffset && read.high_watermark > item.known_high_watermark;
  if (set_.quotas() != nullptr && partition.is_throttled_as_leader()) {
    set_.quotas()->leader.spend(static_cast<std::int64_t>(read.records.size()), set_.reactor().now());
  }
}

// KIP-73: a replica that is in sync is never held up.
bool FetchShare::must_wait_for_quota(const Partition& partition, const FetchItem& item) const {
  return item.follower.node != kafka::kNoNode && set_.quotas() != nullptr &&
         partition.is_throttled_as_leader() && !partition.is_in_sync(item.follower.node) &&
         set_.quotas()->leader.is_spent(set_.reactor().now());
}

aio::Task<std::vector<FetchOutcome>> FetchShare::read(std::int64_t bytes_max, bool is_armed) {
  if (is_armed) arm();
  std::vector<FetchOutcome> outcomes = read_once(bytes_max, false);
  std::vector<storage::BackgroundJob> warm_ups;
  for (FetchOutcome& outcome : outcomes) {
    if (outcome.read.warm_up) warm_ups.push_back(std::move(*outcome.read.warm_up));
  }
  if (warm_ups.empty()) co_return outcomes;
  co_await aio::run_blocking(set_.reactor(), [&warm_ups] {
    // A failure shows in the read that follows.
    for (storage::BackgroundJob& job : warm_ups) std::ignore = job.run();
    return true;
  });
  co_return read_once(bytes_max, true);
}

namespace {

using kafka::ErrorCode;

// What the shares tell the fetch, on its home reactor. Outlives the fetch when word is still under way.
struct Signal {
  std::int64_t bytes = 0;
  std::int64_t bytes_wanted = 0;
  std::optional<aio::Completion<bool>> waiter;

  void changed(std::int64_t more) {
    bytes += more;
    if (waiter && bytes >= bytes_wanted) waiter->set(true);
  }
};

class Gather {
 public:
  Gather(ReplicaManager& replicas, aio::Reactor& home, FetchPlan plan)
      : replicas_(replicas), home_(home), plan_(std::move(plan)), signal_(std::make_shared<Signal>()) {
    split();
  }

  aio::Task<> read(bool is_armed) {
    signal_->bytes = 0;
    co_await scatter(home_, parts_, [this, is_armed](Part& part) { return read_part(part, is_armed); });
    merge();
  }

  bool is_satisfied() const { return must_answer_ || bytes_ >= plan_.bytes_min; }

  // Until enough changed, the deadline, or the reader has gone.
  aio::Task<> wait(const aio::CancelToken& disconnected) {
    signal_->bytes_wanted = std::max<std::int64_t>(plan_.bytes_min - bytes_, 1);
    if (signal_->bytes >= signal_->bytes_wanted) co_return;
    const aio::Completion<bool> done;
    signal_->waiter = done;
    const aio::TimerId timer = home_.call_at(plan_.deadline, [done] { done.set(false); });
    const auto registration = disconnected.on_cancel([done] { done.set(false); });
    co_await done.wait();
    home_.cancel(timer);
    signal_->waiter.reset();
  }

  void close() {
    for (Part& part : parts_) {
      if (!part.share) continue;
      if (part.reactor == &home_) {
        part.share->close();
      } else {
        part.reactor->post([share = std::move(part.share)] { share->close(); });
      }
    }
  }

  std::vector<FetchOutcome> take() { return std::move(outcomes_); }

 private:
  struct Part {
    aio::Reactor* reactor = nullptr;
    PartitionSet* set = nullptr;
    std::vector<FetchItem> items;
    std::vector<std::size_t> positions;  // Of the items, in the plan.
    std::shared_ptr<FetchShare> share;
    std::vector<FetchOutcome> outcomes;
  };

  void split() {
    outcomes_.resize(plan_.items.size());
    std::vector<std::size_t> part_of(replicas_.reactor_count(), SIZE_MAX);
    for (std::size_t i = 0; i < plan_.items.size(); ++i) {
      const std::size_t owner = replicas_.owner(plan_.items[i].key);
      if (part_of[owner] == SIZE_MAX) {
        part_of[owner] = parts_.size();
        Part& part = parts_.emplace_back();
        part.set = &replicas_.set(owner);
        part.reactor = &part.set->reactor();
      }
      parts_[part_of[owner]].items.push_back(plan_.items[i]);
      parts_[part_of[owner]].positions.push_back(i);
    }
  }

  // On the part's reactor.
  aio::Task<bool> read_part(Part& part, bool is_armed) {
    if (!part.share) {
      auto announce = [&home = home_, signal = signal_](std::int64_t bytes) {
        home.post([signal, bytes] { signal->changed(bytes); });
      };
      part.share = std::make_shared<FetchShare>(*part.set, std::move(part.items), std::move(announce));
    }
    part.outcomes = co_await part.share->read(plan_.bytes_max, is_armed);
    co_return true;
  }

  void merge() {
    for (Part& part : parts_) {
      for (std::size_t i = 0; i < part.positions.size(); ++i) {
        outcomes_[part.positions[i]] = std::move(part.outcomes[i]);
      }
    }
    bytes_ = 0;
    must_answer_ = false;
    for (FetchOutcome& outcome : outcomes_) {
      const auto size = static_cast<std::int64_t>(outcome.read.records.size());
      // Each reactor kept to the limit by itself; together they must too.
      if (bytes_ > 0 && bytes_ + size > plan_.bytes_max) outcome.read.records = {};
      bytes_ += static_cast<std::int64_t>(outcome.read.records.size());
      must_answer_ = must_answer_ || !outcome.read.is_ok() || outcome.read.diverging.has_value() ||
                     outcome.read.preferred_reader != kafka::kNoNode || outcome.has_high_watermark_news;
    }
  }

  ReplicaManager& replicas_;
  aio::Reactor& home_;
  FetchPlan plan_;
  std::shared_ptr<Signal> signal_;
  std::vector<Part> parts_;
  std::vector<FetchOutcome> outcomes_;
  std::int64_t bytes_ = 0;
  bool must_answer_ = false;
};

}  // namespace

aio::Task<std::vector<FetchOutcome>> fetch(ReplicaManager& replicas, aio::Reactor& home, FetchPlan plan,
                                           aio::CancelToken disconnected) {
  const base::MonoTime deadline = plan.deadline;
  const bool is_empty = plan.items.empty();
  Gather gather(replicas, home, std::move(plan));
  while (true) {
    const bool may_wait = home.now() < deadline && !disconnected.is_cancelled();
    co_await gather.read(may_wait);
    if (!may_wait || is_empty || gather.is_satisfied()) break;
    co_await gather.wait(disconnected);
  }
  gather.close();
  co_return gather.take();
}

}  // namespace penstock::replication
