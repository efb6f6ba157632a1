// What clients were told, and whether it holds together: the checker of the data path.
//
// Every record carries a value of its own, so a value that is read names its writer.
//   - a record that was acknowledged is there, once, at the offset it was acknowledged at;
//   - an offset never shows two values, whoever reads it and when;
//   - a value has one offset (producers are idempotent);
//   - nothing is read that nobody sent;
//   - a high watermark never goes back as one reader sees it;
//   - in one leader epoch only one broker acknowledges.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace penstock::sim {

class History {
 public:
  using Value = std::int64_t;

  void sent(int partition, Value value);
  // By `node`.
  void acked(int partition, Value value, std::int64_t offset, int node);
  // A record as it was read, by whomever, with the leader epoch of its batch.
  void seen(int partition, std::int64_t offset, Value value, int leader_epoch);
  void high_watermark(int partition, std::int64_t offset);
  // Unsynced data was lost, within what was promised: nothing is claimed of `offset` and above any more, but
  // all below it must still be there.
  void forget_from(int partition, std::int64_t offset);
  // The partition was read from its start up to `end`: whatever was claimed below it must have been seen, and
  // nothing was claimed above. The reads before begin_final_read() do not count.
  void begin_final_read(int partition);
  void end_final_read(int partition, std::int64_t end);
  void violation(std::string what);

  const std::vector<std::string>& violations() const { return violations_; }
  std::size_t acked_count() const { return acked_count_; }

 private:
  struct Ack {
    Value value;
    int node;
  };
  struct Partition {
    std::map<std::int64_t, Ack> acks;       // By offset.
    std::map<std::int64_t, Value> values;   // By offset, as read.
    std::map<Value, std::int64_t> offsets;  // As read or acknowledged.
    std::map<int, int> epoch_nodes;         // Who acknowledged in a leader epoch.
    std::set<std::int64_t> final_read;
    std::int64_t high_watermark = 0;
  };
  void place(int partition, Value value, std::int64_t offset);

  std::map<int, Partition> partitions_;
  std::map<Value, int> sent_;  // Its partition.
  std::vector<std::string> violations_;
  std::size_t acked_count_ = 0;
};

}  // namespace penstock::sim
