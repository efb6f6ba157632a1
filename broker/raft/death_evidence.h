// What connections say of a process: that it is gone, when it was reachable, its connections have ended, and
// its own address refuses new ones again and again. A process that is silent, or cut off, refuses nothing.
//
// Whoever only asks whether to wait for a process needs less than a proof: that it refuses by now.
//
// Threads: a value of one thread.
#pragma once

#include "base/clock.h"

namespace penstock::raft {

class DeathEvidence {
 public:
  // The least that is a proof: so many refusals in a row, over so long.
  static constexpr int kRefusals = 3;
  static constexpr base::Duration kSpan = base::milliseconds(60);
  // What is older says nothing of now.
  static constexpr base::Duration kFresh = base::seconds(1);

  void connected() {
    was_reachable_ = true;
    refusals_ = 0;
  }
  // True when this proves it: again at each further one.
  bool refused(base::MonoTime now) {
    if (refusals_ == 0) first_ = now;
    if (refusals_ < kRefusals) ++refusals_;
    last_ = now;
    return was_reachable_ && is_refusing(now);
  }
  // It could not be reached for another reason.
  void failed() { refusals_ = 0; }
  bool was_reachable() const { return was_reachable_; }
  // Whether or not it was ever reached.
  bool is_refusing(base::MonoTime now) const {
    return refusals_ >= kRefusals && last_ >= first_ + kSpan && now < last_ + kFresh;
  }

 private:
  bool was_reachable_ = false;
  int refusals_ = 0;
  base::MonoTime first_{};
  base::MonoTime last_{};
};

}  // namespace penstock::raft
