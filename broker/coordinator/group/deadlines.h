// The timers of a shard: one deadline per key; setting it again moves it.
//
// Threads: one.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/clock.h"

namespace penstock::coordinator {

enum class DeadlineKind : std::uint8_t {
  kSession,  // A member has not been heard of, or a pending member did not come back.
  kJoin,     // The join phase of a rebalance ends.
  kSync,     // Members have not sent SyncGroup.
  kExpiry,   // Time to look for expired offsets.
};

struct DeadlineKey {
  DeadlineKind kind{};
  std::string group_id;
  std::string member_id;  // Of kSession.
  friend auto operator<=>(const DeadlineKey&, const DeadlineKey&) = default;
};

class Deadlines {
 public:
  void set(const DeadlineKey& key, base::MonoTime when) {
    cancel(key);
    by_key_[key] = when;
    by_time_.emplace(when, key);
  }
  void cancel(const DeadlineKey& key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return;
    by_time_.erase({found->second, key});
    by_key_.erase(found);
  }
  std::optional<base::MonoTime> next() const {
    if (by_time_.empty()) return std::nullopt;
    return by_time_.begin()->first;
  }
  // Removes and returns the first that is due.
  std::optional<DeadlineKey> pop_due(base::MonoTime now) {
    if (by_time_.empty() || by_time_.begin()->first > now) return std::nullopt;
    DeadlineKey key = by_time_.begin()->second;
    cancel(key);
    return key;
  }
  bool has(const DeadlineKey& key) const { return by_key_.contains(key); }
  std::size_t size() const { return by_key_.size(); }
  void clear() {
    by_key_.clear();
    by_time_.clear();
  }

 private:
  std::map<DeadlineKey, base::MonoTime> by_key_;
  std::set<std::pair<base::MonoTime, DeadlineKey>> by_time_;
};

}  // namespace penstock::coordinator
