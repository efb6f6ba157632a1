// A fetch from many partitions on several reactors, with its long poll.
//
// Each reactor gets one FetchShare, made, read and dropped there. A parked fetch is an element in the list of
// each of its partitions and a timer; it costs nothing until one of them changes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/aio/cancel.h"
#include "base/aio/completion.h"
#include "base/aio/reactor.h"
#include "base/aio/task.h"
#include "broker/replication/partition.h"
#include "broker/replication/types.h"

namespace penstock::replication {

class PartitionSet;
class ReplicaManager;

// One partition of a Fetch request.
struct FetchItem {
  PartitionKey key;
  ReadRequest request;
  FollowerFetch follower;  // The replica that fetches; none for a consumer.
  // With readers at followers (KIP-392), what the follower was told last: news of it is worth an answer. Else
  // none.
  kafka::Offset known_high_watermark = kafka::kNoOffset;
  std::string rack;  // Of a consumer that a nearer replica may serve (KIP-392); else empty.
};

struct FetchOutcome {
  ReadOutcome read;
  // Who leads, for a reader that asked the wrong broker or with an old epoch.
  kafka::NodeId leader = kafka::kNoNode;
  kafka::LeaderEpoch leader_epoch = kafka::kNoLeaderEpoch;
  bool has_high_watermark_news = false;
};

struct FetchPlan {
  std::vector<FetchItem> items;
  std::int64_t bytes_max = 0;  // Of all records together; the first batch may exceed it.
  std::int64_t bytes_min = 0;
  base::MonoTime deadline{};  // Before it, less than bytes_min is not answered, unless something is wrong.
};

// The part of a fetch that one reactor serves.
//
// Threads: that reactor.
// Lifetime: shared with its own posts; close() before the last handle goes.
class FetchShare : public std::enable_shared_from_this<FetchShare> {
 public:
  // Called on this reactor, from the reactor's loop, with the bytes that became readable since the last call.
  using OnChange = std::function<void(std::int64_t bytes)>;

  FetchShare(PartitionSet& set, std::vector<FetchItem> items, OnChange on_change);

  // Reads every item in order within `bytes_max`. With `is_armed` changes after it are announced.
  // Waits only for cold data.
  aio::Task<std::vector<FetchOutcome>> read(std::int64_t bytes_max, bool is_armed);
  // Nothing is announced any more.
  void close();

 private:
  struct Watch final : ChangeWaiter {
    void on_change(std::int64_t bytes, bool must_answer) override { share->changed(bytes, must_answer); }
    FetchShare* share = nullptr;
  };

  void changed(std::int64_t bytes, bool must_answer);
  void arm();
  std::vector<FetchOutcome> read_once(std::int64_t bytes_max, bool may_block);
  void note_follower(Partition& partition, const FetchItem& item, FetchOutcome& outcome);
  bool must_wait_for_quota(const Partition& partition, const FetchItem& item) const;

  PartitionSet& set_;
  std::vector<FetchItem> items_;
  OnChange on_change_;
  std::unique_ptr<Watch[]> watches_;  // One per item, made when first armed.
  std::int64_t changed_bytes_ = 0;
  bool is_change_posted_ = false;
  bool has_noted_followers_ = false;  // A fetch tells once where the follower is.
  bool is_closed_ = false;
};

// The whole fetch. Resumes with an outcome per item when bytes_min is there, an item has an error or a
// diverging epoch, the deadline has come, or the reader has gone.
// Threads: `home`, which the caller runs on.
aio::Task<std::vector<FetchOutcome>> fetch(ReplicaManager& replicas, aio::Reactor& home, FetchPlan plan,
                                           aio::CancelToken disconnected);

}  // namespace penstock::replication
