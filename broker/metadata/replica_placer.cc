#include "broker/metadata/replica_placer.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include <fmt/format.h>

namespace penstock::metadata {
namespace {

template <typename T>
void shuffle(std::vector<T>& items, base::Random& random) {
  for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[random.below(i)]);
}

// Hands out its brokers in turn, each once a round; every round begins one broker further.
class Ring {
 public:
  void add(std::int32_t broker) { brokers_.push_back(broker); }
  void begin(base::Random& random) {
    if (!brokers_.empty()) offset_ = random.below(brokers_.size());
  }
  void mix(base::Random& random) { shuffle(brokers_, random); }
  bool is_empty() const { return brokers_.empty(); }

  std::optional<std::int32_t> next(std::size_t round) {
    if (brokers_.empty()) return std::nullopt;
    if (round_ != round) {
      round_ = round;
      taken_ = 0;
      offset_ = (offset_ + 1) % brokers_.size();
    }
    if (taken_ >= brokers_.size()) return std::nullopt;
    return brokers_[(offset_ + taken_++) % brokers_.size()];
  }

 private:
  std::vector<std::int32_t> brokers_;
  std::size_t offset_ = 0;
  std::size_t taken_ = 0;
  std::size_t round_ = 0;
};

struct Rack {
  Ring active;
  Ring fenced;

  std::optional<std::int32_t> next(std::size_t round) {
    if (const auto broker = active.next(round)) return broker;
    return fenced.next(round);
  }
};

bool has_usable_directory(const BrokerRegistration& broker) {
  if (broker.directories.empty() || !broker.cordoned_directories) return true;
  return std::ranges::any_of(broker.directories, [&](const base::Uuid& directory) {
    const auto& cordoned = *broker.cordoned_directories;
    return std::ranges::find(cordoned, directory) == cordoned.end();
  });
}

class Placer {
 public:
  Placer(const MetadataImage& image, base::Random& random) : random_(random) {
    std::map<std::string, Rack> by_rack;  // Sorted, so that a seed gives the same placement again.
    for (const auto& [id, broker] : image.brokers()) {
      if (broker->in_controlled_shutdown || !has_usable_directory(*broker)) continue;
      Rack& rack = by_rack[broker->rack.value_or("")];
      (broker->is_fenced ? rack.fenced : rack.active).add(id.value());
      ++total_;
      if (!broker->is_fenced) ++active_;
    }
    for (auto& [name, rack] : by_rack) {
      rack.active.begin(random);
      rack.fenced.begin(random);
      racks_.push_back(std::move(rack));
    }
    if (!racks_.empty()) offset_ = random.below(racks_.size());
  }

  std::size_t total() const { return total_; }
  std::size_t active() const { return active_; }

  // REQUIRES: active() > 0, replicas <= total().
  std::vector<std::int32_t> place(std::size_t replicas) {
    // As many lists as there are active brokers: mixed, lest the same lists come again.
    if (round_ == active_ && active_ > 1) {
      shuffle(racks_, random_);
      for (Rack& rack : racks_) {
        rack.active.mix(random_);
        rack.fenced.mix(random_);
      }
      round_ = 0;
    }
    offset_ %= racks_.size();
    std::size_t first = offset_;
    std::vector<std::int32_t> list;
    while (list.empty()) {
      if (const auto leader = racks_[first].active.next(round_)) {
        list.push_back(*leader);
      } else {
        first = (first + 1) % racks_.size();
      }
    }
    // The others begin at the rack whose turn it is; the leader's rack is passed over once.
    bool is_leader_rack_due = true;
    for (std::size_t rack = offset_; list.size() < replicas; rack = (rack + 1) % racks_.size()) {
      if (is_leader_rack_due && rack == first) {
        is_leader_rack_due = false;
      } else if (const auto broker = racks_[rack].next(round_)) {
        list.push_back(*broker);
      }
    }
    ++round_;
    ++offset_;
    return list;
  }

 private:
  base::Random& random_;
  std::vector<Rack> racks_;
  std::size_t total_ = 0;
  std::size_t active_ = 0;
  std::size_t round_ = 0;
  std::size_t offset_ = 0;
};

}  // namespace

base::Result<std::vector<std::vector<std::int32_t>>> place_replicas(const MetadataImage& image,
                                                                    std::int32_t partitions,
                                                                    std::int16_t replicas,
                                                                    base::Random& random) {
  const auto refuse = [](std::string why) {
    return base::fail(base::Errc::kInvalidArgument, std::move(why));
  };
  Placer placer(image, random);
  if (placer.active() == 0) return refuse("All brokers are currently fenced.");
  if (static_cast<std::size_t>(replicas) > placer.total()) {
    return refuse(
        fmt::format("The target replication factor of {} cannot be reached because only {} broker(s) are "
                    "registered.",
                    replicas, placer.total()));
  }
  std::vector<std::vector<std::int32_t>> placement;
  for (std::int32_t p = 0; p < partitions; ++p) {
    placement.push_back(placer.place(static_cast<std::size_t>(replicas)));
  }
  return placement;
}

}  // namespace penstock::metadata
