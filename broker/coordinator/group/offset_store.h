// The committed offsets of a shard. A write counts as the latest at once; readers that want only what is
// replicated see it after promote().
//
// Lifetime: owned by GroupShard. Threads: one.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/coordinator/group/group_records.h"
#include "kafka/ids.h"

namespace penstock::coordinator {

class OffsetStore {
 public:
  enum class View { kLatest, kCommitted };

  // The record at `at` sets or, without a value, removes an offset.
  void apply(kafka::Offset at, const OffsetKey& key, std::optional<kafka::OffsetCommitValue> value);
  // Everything below `high_watermark` is committed.
  void promote(kafka::Offset high_watermark);

  const kafka::OffsetCommitValue* find(const OffsetKey& key, View view) const;
  // Of one group, in the order of topic and partition.
  std::vector<std::pair<OffsetKey, const kafka::OffsetCommitValue*>> of_group(const std::string& group_id,
                                                                              View view) const;
  bool has_group(const std::string& group_id) const { return !of_group(group_id, View::kLatest).empty(); }
  // Of all groups, on these topics.
  std::vector<OffsetKey> on_topics(const std::set<std::string>& topics) const;
  std::vector<std::string> groups() const;

 private:
  struct Slot {
    std::optional<kafka::OffsetCommitValue> committed;
    std::deque<std::pair<kafka::Offset, std::optional<kafka::OffsetCommitValue>>> pending;

    const kafka::OffsetCommitValue* value(View view) const;
    bool is_empty() const { return !committed && pending.empty(); }
  };
  using Partitions = std::map<std::int32_t, Slot>;
  using Topics = std::map<std::string, Partitions>;

  const Slot* slot(const OffsetKey& key) const;

  std::map<std::string, Topics> groups_;
  std::deque<std::pair<kafka::Offset, OffsetKey>> uncommitted_;  // In offset order.
};

}  // namespace penstock::coordinator
