// What clients were told, and whether it holds together: the checker of the data path.
//
// Every record carries a value of its own, so a value that is read names its writer.
//   - a record that was acknowledged is there, once, at the offset it was acknowledged at;
//   - an offset never shows two values, whoever reads it and when;
//   - a value has one offset (producers are idempotent);
//   - nothing is read that nobody sent;
//   - what one producer sent to a partition is there in the order in which it was sent;
//   - a high watermark never goes back as one reader sees it, where there is only one replica.
//
// A partition is named by a number of the caller's choice. What brokers look like inside is for
// PartitionChecks.
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
  // Producer n has the values from n * kValuesPerProducer on, in the order in which it sends them.
  static constexpr Value kValuesPerProducer = 1'000'000'000'000;
  // From here on without an order: of producers that are not idempotent.
  static constexpr Value kUnordered = 1'000 * kValuesPerProducer;

  void sent(int partition, Value value);
  void acked(int partition, Value value, std::int64_t offset);
  // A record as it was read, by whomever.
  void seen(int partition, std::int64_t offset, Value value);
  void high_watermark(int partition, std::int64_t offset, bool is_checked);
  // Unsynced data was lost, within what was promised: nothing is claimed of `offset` and above any more, but
  // all below it must still be there.
  void forget_from(int partition, std::int64_t offset);
  // Somebody asks for records below `offset` to be deleted: they may be there or not.
  void deleting(int partition, std::int64_t offset);
  std::int64_t deletable_below(int partition) const;
  // Behind the last record that was acknowledged.
  std::int64_t acked_end(int partition) const;
  // The last that was heard of.
  std::int64_t high_watermark(int partition) const;
  // The partition was read from its start up to `end`: whatever was claimed below it must have been seen, and
  // nothing was claimed above. The reads before begin_final_read() do not count.
  void begin_final_read(int partition);
  void end_final_read(int partition, std::int64_t end);
  void violation(std::string what);

  const std::vector<std::string>& violations() const { return violations_; }
  std::size_t acked_count() const { return acked_count_; }

 private:
  struct Partition {
    std::map<std::int64_t, Value> acks;     // By offset.
    std::map<std::int64_t, Value> values;   // By offset, as read.
    std::map<Value, std::int64_t> offsets;  // As read or acknowledged.
    std::set<std::int64_t> final_read;
    std::int64_t high_watermark = 0;
    std::int64_t deletable_below = 0;
  };
  void check_order(int partition);
  void place(int partition, Value value, std::int64_t offset);

  std::map<int, Partition> partitions_;
  std::map<Value, int> sent_;  // Its partition.
  std::vector<std::string> violations_;
  std::size_t acked_count_ = 0;
};

}  // namespace penstock::sim
