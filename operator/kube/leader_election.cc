#include "operator/kube/leader_election.h"

#include <algorithm>

namespace penstock::kube {

LeaderElection::Step LeaderElection::begin(base::MonoTime now, std::int64_t wall_ms) {
  if (is_deposed(now)) return {};
  if (is_leader(now)) return write(observed_, now, wall_ms);
  return {Action::kRead};
}

LeaderElection::Step LeaderElection::on_read(std::optional<LeaseRecord> found, base::MonoTime now,
                                             std::int64_t wall_ms) {
  if (is_deposed(now)) return {};
  if (!found) {
    observed_ = {};
    return write({}, now, wall_ms);
  }
  if (*found != observed_) {
    observed_ = std::move(*found);
    observed_at_ = now;
  }
  const bool is_held = !observed_.holder.empty() && observed_at_ + base::seconds(observed_.duration_s) > now;
  if (is_held && !is_ours()) {
    // Somebody took it from us, so we have overslept without knowing.
    if (has_led_) leads_until_ = std::min(leads_until_, now);
    return {};
  }
  return write(observed_, now, wall_ms);
}

LeaderElection::Step LeaderElection::write(LeaseRecord record, base::MonoTime now, std::int64_t wall_ms) {
  const bool is_new = record.resource_version.empty();
  if (record.holder != options_.identity) {
    record.holder = options_.identity;
    record.acquire_time = micro_time(wall_ms);
    if (!is_new) ++record.transitions;
  }
  record.duration_s = std::chrono::duration_cast<base::seconds>(options_.lease_duration).count();
  record.renew_time = micro_time(wall_ms);
  write_began_ = now;
  return {Action::kWrite, std::move(record)};
}

void LeaderElection::on_written(LeaseRecord stored, base::MonoTime now) {
  observed_ = std::move(stored);
  observed_at_ = now;
  if (!is_ours() || is_deposed(now)) return;
  const base::MonoTime until = write_began_ + options_.renew_deadline;
  // An answer that took too long to come gives nothing: the next attempt renews.
  if (until <= now) return;
  leads_until_ = until;
  has_led_ = true;
}

LeaderElection::Step LeaderElection::on_refused() { return {Action::kRead}; }

base::Duration LeaderElection::next_delay(base::MonoTime now, std::uint64_t random) const {
  if (is_leader(now)) return options_.retry_period;
  const auto spread = static_cast<std::uint64_t>(options_.retry_period.count()) * 12 / 10;
  return options_.retry_period + base::Duration(static_cast<std::int64_t>(random % spread));
}

std::optional<LeaseRecord> LeaderElection::release(base::MonoTime now, std::int64_t wall_ms) {
  if (!is_leader(now)) return std::nullopt;
  leads_until_ = now;
  LeaseRecord record = observed_;
  record.holder.clear();
  // Whoever reads it takes it; one that asks for a duration gets the least that the API allows.
  record.duration_s = 1;
  record.renew_time = micro_time(wall_ms);
  record.acquire_time = record.renew_time;
  return record;
}

}  // namespace penstock::kube
