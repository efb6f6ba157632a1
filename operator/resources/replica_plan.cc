#include "operator/resources/replica_plan.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "base/assert.h"

namespace penstock::resources {
namespace {

bool contains(const std::vector<std::int32_t>& ids, std::int32_t id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

ReplicaPlan::ReplicaPlan(std::vector<ReplicaHost> hosts) {
  for (ReplicaHost& host : hosts) loads_[host.id].rack = std::move(host.rack);
}

void ReplicaPlan::count(const std::vector<std::int32_t>& replicas) {
  ++partitions_;
  for (const std::int32_t id : replicas) {
    if (is_host(id)) ++loads_.at(id).replicas;
  }
  if (!replicas.empty() && is_host(replicas.front())) ++loads_.at(replicas.front()).firsts;
}

std::size_t ReplicaPlan::in_rack_of(std::int32_t id, const std::vector<std::int32_t>& replicas) const {
  const std::string& rack = loads_.at(id).rack;
  return static_cast<std::size_t>(std::count_if(
      replicas.begin(), replicas.end(), [&](std::int32_t other) { return loads_.at(other).rack == rack; }));
}

std::int32_t ReplicaPlan::best_addition(const PlacedPartition& partition,
                                        const std::vector<std::int32_t>& kept) const {
  // Of brokers that are as good as each other another one comes first for each partition.
  const auto hosts = static_cast<std::int64_t>(loads_.size());
  std::int32_t best = -1;
  std::tuple<std::size_t, std::int64_t, std::int64_t> best_cost;
  std::int64_t position = 0;
  for (const auto& [id, load] : loads_) {
    const std::int64_t turn = (position++ + hosts - partition.index % hosts) % hosts;
    if (contains(kept, id)) continue;
    const std::tuple cost(in_rack_of(id, kept), load.replicas, turn);
    if (best == -1 || cost < best_cost) std::tie(best, best_cost) = std::pair(id, cost);
  }
  return best;
}

std::size_t ReplicaPlan::worst_of(const PlacedPartition& partition,
                                  const std::vector<std::int32_t>& kept) const {
  std::size_t worst = kept.size();
  std::tuple<bool, std::size_t, std::int64_t> worst_cost;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (kept[i] == partition.leader) continue;
    const std::tuple cost(!contains(partition.isr, kept[i]), in_rack_of(kept[i], kept),
                          loads_.at(kept[i]).replicas);
    // Of two that are as bad as each other the later one goes: the first ones are preferred as leaders.
    if (worst == kept.size() || cost >= worst_cost) std::tie(worst, worst_cost) = std::pair(i, cost);
  }
  return worst;
}

void ReplicaPlan::choose_first(std::vector<std::int32_t>& replicas) {
  const auto firsts = [this](std::int32_t id) { return loads_.at(id).firsts; };
  const auto hosts = static_cast<std::int64_t>(loads_.size());
  const std::int64_t share = (partitions_ + hosts - 1) / hosts;
  if (firsts(replicas.front()) < share) return;
  const auto least = std::min_element(replicas.begin(), replicas.end(),
                                      [&](std::int32_t a, std::int32_t b) { return firsts(a) < firsts(b); });
  if (firsts(*least) < firsts(replicas.front())) std::rotate(replicas.begin(), least, std::next(least));
}

std::vector<std::int32_t> ReplicaPlan::place(const PlacedPartition& partition, std::size_t factor) {
  BASE_ASSERT(factor >= 1 && factor <= loads_.size(), "there are brokers for the replicas");
  std::vector<std::int32_t> kept;
  std::copy_if(partition.replicas.begin(), partition.replicas.end(), std::back_inserter(kept),
               [this](std::int32_t id) { return is_host(id); });
  if (kept.size() == factor && kept == partition.replicas) return kept;
  for (const std::int32_t id : kept) --loads_.at(id).replicas;
  if (!kept.empty() && kept.front() == partition.replicas.front()) --loads_.at(kept.front()).firsts;
  while (kept.size() > factor) {
    kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(worst_of(partition, kept)));
  }
  while (kept.size() < factor) kept.push_back(best_addition(partition, kept));
  choose_first(kept);
  for (const std::int32_t id : kept) ++loads_.at(id).replicas;
  ++loads_.at(kept.front()).firsts;
  return kept;
}

}  // namespace penstock::resources
