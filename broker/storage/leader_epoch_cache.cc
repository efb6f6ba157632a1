#include "broker/storage/leader_epoch_cache.h"

#include <algorithm>

#include <fmt/format.h>

#include "broker/storage/checkpoint_file.h"

namespace penstock::storage {

base::Result<LeaderEpochCache> LeaderEpochCache::decode(std::string_view text) {
  TRY_ASSIGN(const auto lines, parse_checkpoint(text, 2));
  LeaderEpochCache cache;
  for (const auto& line : lines) {
    TRY_ASSIGN(const std::int64_t epoch, parse_number(line[0]));
    TRY_ASSIGN(const std::int64_t start, parse_number(line[1]));
    const Entry entry{LeaderEpoch(static_cast<std::int32_t>(epoch)), Offset(start)};
    if (!cache.entries_.empty() &&
        (entry.epoch <= cache.entries_.back().epoch || entry.start <= cache.entries_.back().start)) {
      return base::fail(base::Errc::kCorrupt, fmt::format("leader epoch {} at {} goes back", epoch, start));
    }
    cache.entries_.push_back(entry);
  }
  return cache;
}

std::string LeaderEpochCache::encode() const {
  std::vector<std::string> lines;
  lines.reserve(entries_.size());
  for (const Entry& entry : entries_) lines.push_back(fmt::format("{} {}", entry.epoch, entry.start));
  return format_checkpoint(lines);
}

bool LeaderEpochCache::assign(LeaderEpoch epoch, Offset start) {
  if (epoch < LeaderEpoch{0} || start < Offset{0}) return false;
  const std::size_t before = entries_.size();
  while (!entries_.empty()) {
    const Entry& last = entries_.back();
    const bool agrees = last.epoch == epoch ? last.start <= start : last.epoch < epoch && last.start < start;
    if (agrees) break;
    entries_.pop_back();
  }
  if (!entries_.empty() && entries_.back().epoch == epoch) return entries_.size() != before;
  entries_.push_back({epoch, start});
  return true;
}

bool LeaderEpochCache::truncate_from_end(Offset end) {
  const std::size_t before = entries_.size();
  while (!entries_.empty() && entries_.back().start >= end) entries_.pop_back();
  return entries_.size() != before;
}

bool LeaderEpochCache::truncate_from_start(Offset start) {
  const auto after = std::upper_bound(entries_.begin(), entries_.end(), start,
                                      [](Offset value, const Entry& e) { return value < e.start; });
  if (after == entries_.begin()) return false;
  const auto holder = std::prev(after);  // The epoch that `start` lies in now begins there.
  if (holder == entries_.begin() && holder->start == start) return false;
  holder->start = start;
  entries_.erase(entries_.begin(), holder);
  return true;
}

std::optional<LeaderEpoch> LeaderEpochCache::latest() const {
  if (entries_.empty()) return std::nullopt;
  return entries_.back().epoch;
}

std::optional<LeaderEpoch> LeaderEpochCache::epoch_at(Offset offset) const {
  const auto after = std::upper_bound(entries_.begin(), entries_.end(), offset,
                                      [](Offset value, const Entry& e) { return value < e.start; });
  if (after == entries_.begin()) return std::nullopt;
  return std::prev(after)->epoch;
}

EpochEndOffset LeaderEpochCache::end_offset_for(LeaderEpoch epoch, Offset log_end) const {
  if (epoch < LeaderEpoch{0} || entries_.empty()) return {};
  if (entries_.back().epoch == epoch) return {epoch, log_end};
  const auto higher = std::upper_bound(entries_.begin(), entries_.end(), epoch,
                                       [](LeaderEpoch value, const Entry& e) { return value < e.epoch; });
  if (higher == entries_.end()) return {};
  if (higher == entries_.begin()) return {epoch, higher->start};
  return {std::prev(higher)->epoch, higher->start};
}

}  // namespace penstock::storage
