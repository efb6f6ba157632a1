#include "broker/metadata/replica_placer.h"

#include <algorithm>
#include <map>
#include <string>

#include <fmt/format.h>

namespace penstock::metadata {
namespace {

void shuffle(std::vector<std::int32_t>& ids, base::Random& random) {
  for (std::size_t i = ids.size(); i > 1; --i) std::swap(ids[i - 1], ids[random.below(i)]);
}

struct Rack {
  std::vector<std::int32_t> active{};
  std::vector<std::int32_t> others{};

  // The n-th of the active ones from a moving start, then the others.
  std::int32_t at(std::size_t start, std::size_t n) const {
    if (n < active.size()) return active[(start + n) % active.size()];
    return others[(start + n - active.size()) % others.size()];
  }
  std::size_t size() const { return active.size() + others.size(); }
};

}  // namespace

base::Result<std::vector<std::vector<std::int32_t>>> place_replicas(const MetadataImage& image,
                                                                    std::int32_t partitions,
                                                                    std::int16_t replicas,
                                                                    base::Random& random) {
  std::map<std::string, Rack> by_rack;
  std::size_t total = 0;
  bool has_active = false;
  for (const auto& [id, broker] : image.brokers()) {
    Rack& rack = by_rack[broker->rack.value_or("")];
    (broker->is_active() ? rack.active : rack.others).push_back(id.value());
    has_active = has_active || broker->is_active();
    ++total;
  }
  const auto refuse = [](std::string why) {
    return base::fail(base::Errc::kInvalidArgument, std::move(why));
  };
  if (!has_active) return refuse("All brokers are currently fenced.");
  if (static_cast<std::size_t>(replicas) > total) {
    return refuse(
        fmt::format("The target replication factor of {} cannot be reached because only {} broker(s) are "
                    "registered.",
                    replicas, total));
  }
  std::vector<Rack> racks;
  for (auto& [name, rack] : by_rack) {
    shuffle(rack.active, random);
    shuffle(rack.others, random);
    racks.push_back(std::move(rack));
  }
  std::vector<std::vector<std::int32_t>> placement;
  std::size_t rack_start = random.below(racks.size());
  std::size_t broker_start = random.below(total);
  for (std::int32_t p = 0; p < partitions; ++p) {
    // The leader's rack must have an active broker.
    while (racks[rack_start % racks.size()].active.empty()) ++rack_start;
    std::vector<std::int32_t> list;
    std::vector<std::size_t> taken(racks.size(), 0);
    for (std::size_t r = rack_start; list.size() < static_cast<std::size_t>(replicas); ++r) {
      const std::size_t index = r % racks.size();
      if (taken[index] == racks[index].size()) continue;
      list.push_back(racks[index].at(broker_start, taken[index]++));
    }
    placement.push_back(std::move(list));
    ++rack_start;
    // Each rack has had its turn: the next round begins one broker further.
    if (static_cast<std::size_t>(p + 1) % racks.size() == 0) ++broker_start;
  }
  return placement;
}

}  // namespace penstock::metadata
