#include "operator/resources/replica_plan.h"

#include <set>

#include <gtest/gtest.h>

namespace penstock::resources {
namespace {

using Ids = std::vector<std::int32_t>;

std::vector<ReplicaHost> hosts(int count, int racks = 1) {
  std::vector<ReplicaHost> all;
  for (int i = 0; i < count; ++i) all.push_back({i, "r" + std::to_string(i % racks)});
  return all;
}

PlacedPartition partition(std::int32_t index, const Ids& replicas) {
  return {index, replicas.front(), replicas, replicas};
}

TEST(ReplicaPlan, RaisingKeepsReplicasAndSpreadsTheNewOnes) {
  ReplicaPlan plan(hosts(4));
  std::vector<PlacedPartition> all;
  for (int i = 0; i < 8; ++i) all.push_back(partition(i, {i % 4}));
  for (const auto& one : all) plan.count(one.replicas);
  std::map<std::int32_t, int> load;
  for (const auto& one : all) {
    const Ids placed = plan.place(one, 3);
    EXPECT_EQ(placed.size(), 3u);
    EXPECT_EQ(std::set(placed.begin(), placed.end()).size(), 3u);
    EXPECT_EQ(placed.front(), one.leader) << "leaders are spread already";
    for (const std::int32_t id : placed) ++load[id];
  }
  for (const auto& [id, count] : load) EXPECT_EQ(count, 6) << id;
}

TEST(ReplicaPlan, FirstPlacesAreSharedWhenOneBrokerHadThemAll) {
  ReplicaPlan plan(hosts(3));
  for (int i = 0; i < 9; ++i) plan.count({0});
  std::map<std::int32_t, int> firsts;
  for (int i = 0; i < 9; ++i) {
    const Ids placed = plan.place(partition(i, {0}), 3);
    EXPECT_EQ(std::set(placed.begin(), placed.end()), (std::set<std::int32_t>{0, 1, 2}));
    ++firsts[placed.front()];
  }
  for (const auto& [id, count] : firsts) EXPECT_EQ(count, 3) << id;
}

TEST(ReplicaPlan, NewReplicasGoToOtherRacks) {
  ReplicaPlan plan(hosts(6, 3));
  for (int i = 0; i < 6; ++i) plan.count({i});
  for (int i = 0; i < 6; ++i) {
    std::set<int> racks;
    for (const std::int32_t id : plan.place(partition(i, {i}), 3)) racks.insert(id % 3);
    EXPECT_EQ(racks.size(), 3u) << i;
  }
}

TEST(ReplicaPlan, LoweringKeepsTheLeaderAndWhoIsInSync) {
  ReplicaPlan plan(hosts(3));
  plan.count({0, 1, 2});
  EXPECT_EQ(plan.place({0, 2, {0, 1, 2}, {0, 1, 2}}, 1), Ids{2});
  plan.count({0, 1, 2});
  EXPECT_EQ(plan.place({1, 1, {0, 1, 2}, {1, 2}}, 2), (Ids{1, 2}));
  // Without a leader, whoever is in sync.
  plan.count({0, 1, 2});
  EXPECT_EQ(plan.place({2, -1, {0, 1, 2}, {1}}, 1), Ids{1});
}

TEST(ReplicaPlan, LoweringKeepsTheRacks) {
  ReplicaPlan plan({{0, "a"}, {1, "a"}, {2, "b"}});
  plan.count({0, 1, 2});
  EXPECT_EQ(plan.place(partition(0, {0, 1, 2}), 2), (Ids{0, 2}));
}

TEST(ReplicaPlan, BrokersThatGoAreReplacedAndOthersStay) {
  ReplicaPlan plan(hosts(3));  // 3 goes.
  plan.count({3, 0, 1});
  plan.count({0, 1, 2});
  plan.count({1, 2, 3});
  // 0 and 1 are first of one each already.
  EXPECT_EQ(plan.place(partition(0, {3, 0, 1}), 3), (Ids{2, 0, 1}));
  EXPECT_EQ(plan.place(partition(1, {0, 1, 2}), 3), (Ids{0, 1, 2}));
  EXPECT_EQ(plan.place(partition(2, {1, 2, 3}), 3), (Ids{1, 2, 0}));
}

}  // namespace
}  // namespace penstock::resources
