#include "broker/replication/replication_quota.h"

#include <gtest/gtest.h>

namespace penstock::replication {
namespace {

using base::milliseconds;
using base::seconds;

TEST(ReplicationQuota, TimePaysForWhatWasCopied) {
  ReplicationQuota quota;
  base::MonoTime now{seconds(100)};
  quota.spend(1 << 30, now);
  EXPECT_FALSE(quota.is_spent(now)) << "no limit";
  quota.set_rate(1000);
  EXPECT_FALSE(quota.is_spent(now));
  quota.spend(500, now);
  EXPECT_TRUE(quota.is_spent(now));
  EXPECT_EQ(quota.ready_at(), now + milliseconds(500));
  quota.spend(1000, now);
  EXPECT_FALSE(quota.is_spent(now + milliseconds(1500)));
  now += seconds(60);
  quota.spend(100, now);
  EXPECT_EQ(quota.ready_at(), now + milliseconds(100)) << "what was not used is not saved up";
  quota.set_rate(ReplicationQuota::kNoLimit);
  EXPECT_FALSE(quota.is_spent(now));
}

TEST(ThrottledReplicas, AreAllOrNamed) {
  const auto some = parse_throttled_replicas({"0:101", "3:7"});
  ASSERT_TRUE(some);
  EXPECT_TRUE(some->contains(kafka::PartitionId(3), kafka::NodeId(7)));
  EXPECT_FALSE(some->contains(kafka::PartitionId(3), kafka::NodeId(101)));
  EXPECT_FALSE(parse_throttled_replicas({})->contains(kafka::PartitionId(0), kafka::NodeId(0)));
  EXPECT_TRUE(parse_throttled_replicas({"*"})->contains(kafka::PartitionId(0), kafka::NodeId(0)));
  for (const char* bad : {"", "1", "1:", ":1", "1:2:3", "-1:2", "a:b"}) {
    EXPECT_FALSE(parse_throttled_replicas({bad})) << bad;
  }
}

}  // namespace
}  // namespace penstock::replication
