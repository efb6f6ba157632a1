// What is seen of metadata snapshots from outside: logs that are cleaned up to one, and nodes that lag so far
// that they take one.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

namespace penstock::sim {

class SnapshotSightings {
 public:
  // The metadata log of the node as it is now; over restarts too.
  void look(int node, std::int64_t start, std::int64_t end) {
    const auto before = std::exchange(logs_[node], {start, end});
    if (start <= before.start) return;
    // A log that begins behind all that it had cannot have been cleaned.
    if (start > before.end) {
      ++fetched_;
    } else {
      ++cleaned_;
    }
  }
  void lost_disk(int node) { logs_.erase(node); }

  int cleaned() const { return cleaned_; }
  int fetched() const { return fetched_; }

 private:
  struct Log {
    std::int64_t start = 0;
    std::int64_t end = 0;
  };
  std::map<int, Log> logs_;
  int cleaned_ = 0;
  int fetched_ = 0;
};

}  // namespace penstock::sim
