#include "broker/metadata/snapshot_schedule.h"

#include <gtest/gtest.h>

namespace penstock::metadata {
namespace {

TEST(SnapshotSchedule, IsDueAfterBytesOrTimeAndNeverWithoutNews) {
  base::MonoTime now{};
  SnapshotSchedule schedule(100, base::seconds(60));
  schedule.restart(now);
  EXPECT_FALSE(schedule.is_due(now + base::seconds(3600)));
  schedule.note(99);
  EXPECT_FALSE(schedule.is_due(now));
  EXPECT_TRUE(schedule.is_due(now + base::seconds(60)));
  schedule.note(1);
  EXPECT_TRUE(schedule.is_due(now));
  schedule.restart(now);
  EXPECT_FALSE(schedule.is_due(now));
}

TEST(SnapshotSchedule, AnIntervalOfZeroIsNever) {
  SnapshotSchedule schedule(100, base::Duration::zero());
  schedule.restart({});
  schedule.note(99);
  EXPECT_FALSE(schedule.is_due(base::MonoTime{} + std::chrono::hours(1000)));
}

}  // namespace
}  // namespace penstock::metadata
