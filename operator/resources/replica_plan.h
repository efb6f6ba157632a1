// Where the replicas of partitions go when their number changes or brokers leave.
//
// What is there stays where it can: replicas, and leaders. New replicas go to the racks that the partition
// has least of, then to the brokers that have least. A broker that is the first replica of more than its
// share of the partitions gives up the first place of those that change anyway.
//
// Threads: a value; deterministic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace penstock::resources {

// A broker that may take replicas.
struct ReplicaHost {
  std::int32_t id = 0;
  std::string rack;  // Empty: all such brokers are one rack.
};

struct PlacedPartition {
  std::int32_t index = 0;
  std::int32_t leader = -1;
  std::vector<std::int32_t> replicas;  // The first is preferred as the leader.
  std::vector<std::int32_t> isr;
};

class ReplicaPlan {
 public:
  explicit ReplicaPlan(std::vector<ReplicaHost> hosts);

  // A partition as it is, so that the brokers' loads are known.
  void count(const std::vector<std::int32_t>& replicas);

  // The replicas that a partition which has been counted should have; loads are then as if it had them.
  // REQUIRES: 1 <= factor <= number of hosts.
  std::vector<std::int32_t> place(const PlacedPartition& partition, std::size_t factor);

 private:
  struct Load {
    std::string rack;
    std::int64_t replicas = 0;
    std::int64_t firsts = 0;
  };
  bool is_host(std::int32_t id) const { return loads_.contains(id); }
  std::size_t in_rack_of(std::int32_t id, const std::vector<std::int32_t>& replicas) const;
  std::int32_t best_addition(const PlacedPartition& partition, const std::vector<std::int32_t>& kept) const;
  std::size_t worst_of(const PlacedPartition& partition, const std::vector<std::int32_t>& kept) const;
  void choose_first(std::vector<std::int32_t>& replicas);

  std::map<std::int32_t, Load> loads_;
  std::int64_t partitions_ = 0;
};

}  // namespace penstock::resources
