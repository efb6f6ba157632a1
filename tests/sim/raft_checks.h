// What must hold of a metadata quorum after every event:
//   - the epoch that a node knows never goes back, over a restart not below one in which it committed;
//   - the high watermark of one run of a node never goes back;
//   - an epoch has at most one leader, whoever says so;
//   - what is committed is the same on every node, for ever;
//   - when a leader's high watermark moves, the disks of a majority have all below it, synced;
//   - whoever leads an epoch has the votes of a majority, which are on their disks, synced;
//   - a log that begins later than at 0 continues a snapshot;
//   - a leader of a later epoch has all that was committed before.
//
// Threads: one.
// Source: RaftEventSimulationTest of Apache Kafka; the TLA+ properties StateMachineSafety and
// LeaderCompleteness.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "tests/sim/history.h"
#include "tests/sim/kept_quorum.h"

namespace penstock::sim {

// A node as it is now.
struct RaftView {
  int node = 0;
  const void* run = nullptr;  // Tells one run of the node from another.
  int epoch = 0;
  int leader = -1;
  bool is_leader = false;
  std::int64_t start_offset = 0;
  std::int64_t high_watermark = -1;
  std::int64_t end_offset = 0;
  std::int64_t snapshot_end = 0;  // Of the newest.
  std::vector<int> voters{};
  // What a voter's disk has; nullopt when it is lost, or has failed.
  std::function<std::optional<KeptQuorum>(int voter)> kept;
  std::function<base::Result<base::Bytes>(std::int64_t from)> read;  // Whole batches.
};

class RaftChecks {
 public:
  explicit RaftChecks(History& history) : history_(history) {}
  void look(const RaftView& view);
  // The node begins anew, with nothing.
  void lost_disk(int node) { nodes_.erase(node); }
  std::int64_t committed() const { return committed_; }
  int epochs() const { return static_cast<int>(leaders_.size()); }

 private:
  struct Node {
    const void* run = nullptr;
    std::vector<int> voters{};
    int epoch = 0;          // In this run.
    int epoch_on_disk = 0;  // Before a high watermark moves, its epoch is on the disk.
    std::int64_t high_watermark = -1;
    std::int64_t compared_to = 0;
    int led_epoch = -1;
  };
  void check_votes(const RaftView& view);
  // `before`: the voters before this event, which may have counted it and then changed them by one.
  void check_majority(const RaftView& view, const std::vector<int>& before);
  void compare(const RaftView& view, Node& node);

  History& history_;
  std::map<int, Node> nodes_;
  std::map<int, int> leaders_;               // By epoch.
  std::map<std::int64_t, base::Bytes> log_;  // Committed batches by their first offset.
  std::int64_t committed_ = 0;
  int committed_in_ = 0;  // The epoch in which committed_ was reached.
};

}  // namespace penstock::sim
