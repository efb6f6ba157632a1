// Who leads: the rules of client-go's leader election over a Lease, as a state machine.
//
// An attempt begins with begin() and goes on with what happened, until a step asks for nothing:
//
//   begin -> kRead -> on_read -> kWrite -> on_written          somebody who does not lead
//   begin -> kWrite -> on_written, or on_refused -> kRead ...  a leader renews what it wrote last
//
// A candidate takes a lease that is free, released, or unchanged for its whole duration *by the candidate's
// own clock*: clocks of different machines are never compared. A leader leads until `renew_deadline` after it
// sent the renewal that went well last; since nobody else takes the lease before `lease_duration` after they
// saw that renewal, a leader that cannot renew has stopped before another begins. Deposed is for ever: what a
// leader knows is worth nothing to a later term, so the process ends and starts anew.
//
// Source: client-go tools/leaderelection (leaseDuration 15 s, renewDeadline 10 s, retryPeriod 2 s,
// jitter 1.2). Threads: one; no clock inside.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "operator/kube/lease.h"

namespace penstock::kube {

struct ElectionOptions {
  std::string identity;
  base::Duration lease_duration = base::seconds(15);
  base::Duration renew_deadline = base::seconds(10);
  base::Duration retry_period = base::seconds(2);
};

class LeaderElection {
 public:
  enum class Action { kNone, kRead, kWrite };
  struct Step {
    Action action = Action::kNone;
    LeaseRecord record{};  // kWrite: to be created when it has no version, else to be put over that version.
  };

  explicit LeaderElection(ElectionOptions options) : options_(std::move(options)) {}

  Step begin(base::MonoTime now, std::int64_t wall_ms);
  // None: there is no such lease.
  Step on_read(std::optional<LeaseRecord> found, base::MonoTime now, std::int64_t wall_ms);
  // `stored`: the lease as it is after our write.
  void on_written(LeaseRecord stored, base::MonoTime now);
  // Somebody else wrote it first. Other failures end the attempt and need no call.
  Step on_refused();

  bool is_leader(base::MonoTime now) const { return has_led_ && now < leads_until_; }
  // It led once and does not now.
  bool is_deposed(base::MonoTime now) const { return has_led_ && now >= leads_until_; }
  base::MonoTime leads_until() const { return leads_until_; }
  // Who holds the lease as far as is known; empty for nobody.
  const std::string& holder() const { return observed_.holder; }

  // How long to wait before the next attempt. `random` is any number.
  base::Duration next_delay(base::MonoTime now, std::uint64_t random) const;

  // What to write to let others lead at once, if it leads. It does not lead any more.
  std::optional<LeaseRecord> release(base::MonoTime now, std::int64_t wall_ms);

 private:
  Step write(LeaseRecord record, base::MonoTime now, std::int64_t wall_ms);
  bool is_ours() const { return observed_.holder == options_.identity; }

  ElectionOptions options_;
  LeaseRecord observed_;
  base::MonoTime observed_at_{};
  base::MonoTime write_began_{};
  base::MonoTime leads_until_{};
  bool has_led_ = false;
};

}  // namespace penstock::kube
