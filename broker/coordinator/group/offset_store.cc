#include "broker/coordinator/group/offset_store.h"

namespace penstock::coordinator {

const kafka::OffsetCommitValue* OffsetStore::Slot::value(View view) const {
  const auto& value = view == View::kLatest && !pending.empty() ? pending.back().second : committed;
  return value ? &*value : nullptr;
}

void OffsetStore::apply(kafka::Offset at, const OffsetKey& key,
                        std::optional<kafka::OffsetCommitValue> value) {
  groups_[key.group_id][key.topic][key.partition].pending.emplace_back(at, std::move(value));
  uncommitted_.emplace_back(at, key);
}

void OffsetStore::promote(kafka::Offset high_watermark) {
  while (!uncommitted_.empty() && uncommitted_.front().first < high_watermark) {
    const auto [at, key] = std::move(uncommitted_.front());
    uncommitted_.pop_front();
    Topics& topics = groups_[key.group_id];
    Partitions& partitions = topics[key.topic];
    Slot& slot = partitions[key.partition];
    while (!slot.pending.empty() && slot.pending.front().first < high_watermark) {
      slot.committed = std::move(slot.pending.front().second);
      slot.pending.pop_front();
    }
    if (slot.is_empty()) partitions.erase(key.partition);
    if (partitions.empty()) topics.erase(key.topic);
    if (topics.empty()) groups_.erase(key.group_id);
  }
}

const OffsetStore::Slot* OffsetStore::slot(const OffsetKey& key) const {
  const auto group = groups_.find(key.group_id);
  if (group == groups_.end()) return nullptr;
  const auto topic = group->second.find(key.topic);
  if (topic == group->second.end()) return nullptr;
  const auto partition = topic->second.find(key.partition);
  return partition == topic->second.end() ? nullptr : &partition->second;
}

const kafka::OffsetCommitValue* OffsetStore::find(const OffsetKey& key, View view) const {
  const Slot* found = slot(key);
  return found == nullptr ? nullptr : found->value(view);
}

std::vector<std::pair<OffsetKey, const kafka::OffsetCommitValue*>> OffsetStore::of_group(
    const std::string& group_id, View view) const {
  std::vector<std::pair<OffsetKey, const kafka::OffsetCommitValue*>> offsets;
  const auto group = groups_.find(group_id);
  if (group == groups_.end()) return offsets;
  for (const auto& [topic, partitions] : group->second)
    for (const auto& [partition, slot] : partitions)
      if (const auto* value = slot.value(view))
        offsets.emplace_back(OffsetKey{group_id, topic, partition}, value);
  return offsets;
}

std::vector<OffsetKey> OffsetStore::on_topics(const std::set<std::string>& topics) const {
  std::vector<OffsetKey> keys;
  for (const auto& [group_id, by_topic] : groups_)
    for (const auto& [topic, partitions] : by_topic) {
      if (!topics.contains(topic)) continue;
      for (const auto& [partition, slot] : partitions)
        if (slot.value(View::kLatest) != nullptr) keys.push_back({group_id, topic, partition});
    }
  return keys;
}

std::vector<std::string> OffsetStore::groups() const {
  std::vector<std::string> ids;
  for (const auto& [group_id, topics] : groups_) ids.push_back(group_id);
  return ids;
}

}  // namespace penstock::coordinator
