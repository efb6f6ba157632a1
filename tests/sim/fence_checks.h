// What must hold of brokers that are fenced before their sessions end, whatever the proofs were:
//   - a process that lives is not taken for dead, unless the world has made a wrong proof of that
//   incarnation;
//     nor is a machine that is only silent;
//   - one controller fences one at a time so: no other before the last is back in service, or long after;
//   - none of two that vanished together;
//   - one controller does not fence the same incarnation so twice.
// What the brokers themselves think of it is not asked: "before its session ended" is told by when the
// process was last well.
//
// Threads: one.
// Source: docs/adr/0008-fast-failover.md.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "base/clock.h"
#include "broker/metadata/image.h"
#include "tests/sim/history.h"

namespace penstock::sim {

class FenceChecks {
 public:
  // The session time of the brokers, by which "at once" is told from "after the session".
  FenceChecks(History& history, base::Duration session) : history_(history), session_(session) {}

  // --- What the world does --------------------------------------------------------------------------------
  // A broker that runs, undisturbed, in service with that epoch.
  void is_well(int id, std::int64_t epoch, base::MonoTime now);
  // Somebody is paused or cut off, or begins: what others can know of each other is not sure.
  void is_unsteady(base::MonoTime now) { unsteady_at_ = now; }
  void has_died(int id, bool is_silent, base::MonoTime now);
  // A machine that is up again resets what its last life has left, and may refuse connections until its
  // broker listens.
  void has_power(int id) { brokers_[id].is_silent = false; }
  // Somebody says of that incarnation that it is dead, rightly or not.
  void is_accused(int id, std::int64_t epoch, base::MonoTime now);

  // --- What the brokers make of it ------------------------------------------------------------------------
  void look(const metadata::ImagePtr& image, base::MonoTime now);

  bool is_fenced(int id, std::int64_t epoch) const;
  bool is_in_service(int id, std::int64_t epoch) const;
  // Since when nothing was unsteady or said wrongly.
  base::MonoTime steady_since() const { return std::max(unsteady_at_, accused_at_); }
  int fast_fences() const { return static_cast<int>(fast_.size()); }
  int wrong_fences() const { return wrong_fences_; }

 private:
  struct Broker {
    std::int64_t epoch = -1;
    base::MonoTime well_at{};
    std::optional<base::MonoTime> died_at{};
    bool is_silent = false;
  };
  struct Fence {
    int broker = 0;
    std::int64_t epoch = -1;
    base::MonoTime at{};
  };
  void judge(const metadata::MetadataImage& before, int controller, int id, base::MonoTime now);
  void judge_last(const metadata::MetadataImage& before, const Fence& last, int id, base::MonoTime now);
  bool has_company(const metadata::MetadataImage& before, int id) const;

  History& history_;
  const base::Duration session_;
  metadata::ImagePtr newest_;
  std::map<int, Broker> brokers_;
  std::set<std::pair<int, std::int64_t>> accused_;
  std::map<int, Fence> last_;                          // By the epoch of the controller.
  std::set<std::tuple<int, int, std::int64_t>> fast_;  // Controller epoch, broker, its epoch.
  base::MonoTime unsteady_at_{};
  base::MonoTime accused_at_{};
  int wrong_fences_ = 0;
};

}  // namespace penstock::sim
