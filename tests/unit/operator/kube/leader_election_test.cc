#include "operator/kube/leader_election.h"

#include <array>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/random.h"

namespace penstock::kube {
namespace {

using Action = LeaderElection::Action;
using base::milliseconds;
using base::seconds;

constexpr std::int64_t kWall = 1'767'323'045'678;

base::MonoTime at(base::Duration since_start) { return base::MonoTime(seconds(1000)) + since_start; }

ElectionOptions named(std::string identity) {
  ElectionOptions options;
  options.identity = std::move(identity);
  return options;
}

LeaseRecord stored(LeaseRecord record, std::string version) {
  record.resource_version = std::move(version);
  return record;
}

// `election` has just taken a lease that was not there, with a write sent at second 0 and answered at 1.
LeaderElection leader() {
  LeaderElection election(named("a"));
  EXPECT_EQ(election.begin(at(seconds(0)), kWall).action, Action::kRead);
  const auto step = election.on_read(std::nullopt, at(seconds(0)), kWall);
  EXPECT_EQ(step.action, Action::kWrite);
  EXPECT_EQ(step.record,
            (LeaseRecord{"a", 15, "2026-01-02T03:04:05.678000Z", "2026-01-02T03:04:05.678000Z"}));
  election.on_written(stored(step.record, "1"), at(seconds(1)));
  return election;
}

TEST(LeaderElection, LeadsUntilTheDeadlineAfterTheLastRenewalWasSent) {
  LeaderElection election = leader();
  EXPECT_TRUE(election.is_leader(at(milliseconds(9999))));
  EXPECT_FALSE(election.is_deposed(at(milliseconds(9999))));
  EXPECT_FALSE(election.is_leader(at(seconds(10))));
  EXPECT_TRUE(election.is_deposed(at(seconds(10))));

  const auto renewal = election.begin(at(seconds(8)), kWall + 8000);
  EXPECT_EQ(renewal.action, Action::kWrite);
  EXPECT_EQ(renewal.record.resource_version, "1");
  EXPECT_EQ(renewal.record.acquire_time, "2026-01-02T03:04:05.678000Z");
  EXPECT_EQ(renewal.record.renew_time, "2026-01-02T03:04:13.678000Z");
  EXPECT_EQ(renewal.record.transitions, 0);
  election.on_written(stored(renewal.record, "2"), at(seconds(9)));
  EXPECT_TRUE(election.is_leader(at(milliseconds(17999))));
  EXPECT_FALSE(election.is_leader(at(seconds(18))));
}

TEST(LeaderElection, NeverLeadsAgainOnceDeposed) {
  LeaderElection election = leader();
  const auto renewal = election.begin(at(seconds(9)), kWall);
  // Its answer comes after the deadline: it went well, but too late.
  election.on_written(stored(renewal.record, "2"), at(seconds(11)));
  EXPECT_TRUE(election.is_deposed(at(seconds(11))));
  EXPECT_EQ(election.begin(at(seconds(12)), kWall).action, Action::kNone);
  EXPECT_EQ(election.on_read(std::nullopt, at(seconds(12)), kWall).action, Action::kNone);
  EXPECT_FALSE(election.release(at(seconds(12)), kWall));
}

TEST(LeaderElection, AnAnswerThatIsTooOldMakesNoLeader) {
  LeaderElection election(named("a"));
  election.begin(at(seconds(0)), kWall);
  const auto step = election.on_read(std::nullopt, at(seconds(0)), kWall);
  election.on_written(stored(step.record, "1"), at(seconds(10)));
  EXPECT_FALSE(election.is_leader(at(seconds(10))));
  EXPECT_FALSE(election.is_deposed(at(seconds(10))));
  // The lease is its own all the same, and the next renewal makes it lead.
  election.begin(at(seconds(12)), kWall);
  const auto again = election.on_read(stored(step.record, "1"), at(seconds(12)), kWall);
  EXPECT_EQ(again.action, Action::kWrite);
  election.on_written(stored(again.record, "2"), at(seconds(12)));
  EXPECT_TRUE(election.is_leader(at(seconds(13))));
}

TEST(LeaderElection, WaitsForTheWholeDurationByItsOwnClock) {
  LeaderElection election(named("b"));
  LeaseRecord held{"a", 15, "1999-01-01T00:00:00.000000Z", "1999-01-01T00:00:00.000000Z", 3, "7"};
  election.begin(at(seconds(0)), kWall);
  EXPECT_EQ(election.on_read(held, at(seconds(0)), kWall).action, Action::kNone);
  EXPECT_EQ(election.holder(), "a");
  // Renewed at second 10 as seen from here: the wait begins anew.
  held.renew_time = "1999-01-01T00:00:10.000000Z";
  held.resource_version = "8";
  EXPECT_EQ(election.on_read(held, at(seconds(10)), kWall).action, Action::kNone);
  EXPECT_EQ(election.on_read(held, at(milliseconds(24999)), kWall).action, Action::kNone);
  const auto step = election.on_read(held, at(seconds(25)), kWall);
  EXPECT_EQ(step.action, Action::kWrite);
  EXPECT_EQ(step.record.holder, "b");
  EXPECT_EQ(step.record.transitions, 4);
  EXPECT_EQ(step.record.resource_version, "8");
  EXPECT_FALSE(election.is_leader(at(seconds(25))));
}

TEST(LeaderElection, GivesTheLeaseBack) {
  LeaderElection election = leader();
  const auto released = election.release(at(seconds(5)), kWall);
  ASSERT_TRUE(released);
  EXPECT_EQ(released->holder, "");
  EXPECT_EQ(released->duration_s, 1);
  EXPECT_EQ(released->resource_version, "1");
  EXPECT_FALSE(election.is_leader(at(seconds(5))));
  LeaderElection next(named("b"));
  next.begin(at(seconds(5)), kWall);
  EXPECT_EQ(next.on_read(*released, at(seconds(5)), kWall).action, Action::kWrite);
}

TEST(LeaderElection, StopsAtOnceWhenSomebodyElseHoldsTheLease) {
  LeaderElection election = leader();
  EXPECT_EQ(election.begin(at(seconds(2)), kWall).action, Action::kWrite);
  EXPECT_EQ(election.on_refused().action, Action::kRead);
  EXPECT_EQ(election.on_read(LeaseRecord{"b", 15, "", "", 1, "9"}, at(seconds(3)), kWall).action,
            Action::kNone);
  EXPECT_TRUE(election.is_deposed(at(seconds(3))));
}

TEST(LeaderElection, RenewalsAreRegularAndCandidatesAreSpread) {
  EXPECT_EQ(leader().next_delay(at(seconds(2)), 12345), seconds(2));
  const LeaderElection candidate(named("b"));
  base::SeededRandom random(1);
  for (int i = 0; i < 1000; ++i) {
    const auto delay = candidate.next_delay(at(seconds(0)), random.next());
    EXPECT_GE(delay, seconds(2));
    EXPECT_LT(delay, milliseconds(4400));
  }
}

TEST(Lease, SurvivesWhatOthersWriteIntoIt) {
  EXPECT_EQ(read_lease(nlohmann::json()), LeaseRecord());
  EXPECT_EQ(read_lease({{"spec", 1}}), LeaseRecord());
  EXPECT_EQ(read_lease({{"spec", {{"holderIdentity", 5}, {"leaseDurationSeconds", "x"}}}}), LeaseRecord());
  const LeaseRecord record{"a", 15, "t1", "t2", 4, ""};
  EXPECT_EQ(read_lease(new_lease("ns", "n", record)), record);
  EXPECT_TRUE(lease_patch(LeaseRecord{})["spec"]["holderIdentity"].is_null());
}

// Three candidates with clocks of their own, over a store whose calls are slow, fail, or lose their answer;
// and candidates that stand still for a while.
struct Candidate {
  LeaderElection election;
  base::Duration clock_offset;
  LeaderElection::Step step{};
  base::Duration next_at{};
  bool is_call_done = false;
  std::optional<LeaseRecord> answer{};  // Of a read, or of a write that went well.
  bool has_answer = false;
  bool is_conflict = false;
};

struct LeaseWorld {
  explicit LeaseWorld(std::uint64_t seed) : random(seed) {
    for (std::size_t i = 0; i < candidates.size(); ++i)
      candidates[i].clock_offset = seconds(static_cast<std::int64_t>(random.below(1'000'000)));
  }

  base::MonoTime clock_of(const Candidate& c) const { return at(now + c.clock_offset); }
  bool chance(std::uint64_t percent) { return is_faulty && random.below(100) < percent; }
  base::Duration up_to(std::uint64_t ms) {
    return milliseconds(static_cast<std::int64_t>(1 + random.below(ms)));
  }

  void execute(Candidate& c) {
    c.is_call_done = true;
    c.answer.reset();
    c.is_conflict = false;
    c.has_answer = !chance(20);
    if (chance(10)) {
      c.has_answer = false;  // It never came to the server.
      return;
    }
    if (c.step.action == Action::kRead) {
      c.answer = lease;
      return;
    }
    const std::string current = lease ? lease->resource_version : "";
    if (c.step.record.resource_version != current) {
      c.is_conflict = true;
      return;
    }
    lease = stored(c.step.record, std::to_string(++version));
    c.answer = lease;
  }

  void conclude(Candidate& c) {
    const bool is_read = c.step.action == Action::kRead;
    c.step = c.has_answer && is_read
                 ? c.election.on_read(c.answer, clock_of(c), kWall)
                 : (c.has_answer && c.is_conflict ? c.election.on_refused() : LeaderElection::Step());
    if (c.has_answer && !is_read && !c.is_conflict) c.election.on_written(*c.answer, clock_of(c));
    c.is_call_done = false;
    c.next_at = now + up_to(chance(10) ? 12'000 : 300);
    if (c.step.action == Action::kNone) c.next_at = now + c.election.next_delay(clock_of(c), random.next());
    if (chance(3)) c.next_at = now + up_to(30'000);  // Paused.
  }

  void turn(Candidate& c) {
    if (now < c.next_at) return;
    if (c.step.action == Action::kNone) {
      // A deposed one starts anew, with a new name.
      if (c.election.is_deposed(clock_of(c)))
        c.election = LeaderElection(named("n" + std::to_string(++names)));
      c.step = c.election.begin(clock_of(c), kWall);
      c.next_at = now + up_to(300);
    } else if (!c.is_call_done) {
      execute(c);
      c.next_at = now + up_to(chance(10) ? 12'000 : 300);
    } else {
      conclude(c);
    }
  }

  int leaders() const {
    int count = 0;
    for (const Candidate& c : candidates) count += c.election.is_leader(clock_of(c)) ? 1 : 0;
    return count;
  }

  base::SeededRandom random;
  base::Duration now{};
  bool is_faulty = true;
  std::optional<LeaseRecord> lease;
  int version = 0;
  int names = 3;
  std::array<Candidate, 3> candidates{Candidate{LeaderElection(named("n1")), {}},
                                      Candidate{LeaderElection(named("n2")), {}},
                                      Candidate{LeaderElection(named("n3")), {}}};
};

TEST(LeaderElection, NeverHasTwoLeadersAndFindsOneWhenThingsAreWell) {
  int turnovers = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    LeaseWorld world(seed);
    for (; world.now < seconds(400); world.now += milliseconds(50)) {
      if (world.now == seconds(340)) world.is_faulty = false;
      for (Candidate& c : world.candidates) world.turn(c);
      ASSERT_LE(world.leaders(), 1) << "seed " << seed << " at " << world.now.count() / 1'000'000 << " ms";
    }
    EXPECT_EQ(world.leaders(), 1) << "seed " << seed;
    turnovers += static_cast<int>(world.lease->transitions);
  }
  // The faults were such that leaders did change.
  EXPECT_GT(turnovers, 300);
}

}  // namespace
}  // namespace penstock::kube
