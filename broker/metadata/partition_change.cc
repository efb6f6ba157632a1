#include "broker/metadata/partition_change.h"

#include <algorithm>
#include <set>

namespace penstock::metadata {
namespace {

using Ids = std::vector<std::int32_t>;

bool contains(const Ids& ids, std::int32_t id) { return std::ranges::find(ids, id) != ids.end(); }

bool contains_all(const Ids& ids, const Ids& wanted) {
  return std::ranges::all_of(wanted, [&](std::int32_t id) { return contains(ids, id); });
}

Ids without(const Ids& ids, const Ids& removed) {
  Ids rest;
  std::ranges::copy_if(ids, std::back_inserter(rest),
                       [&](std::int32_t id) { return !contains(removed, id); });
  return rest;
}

bool is_same_set(Ids a, Ids b) {
  std::ranges::sort(a);
  std::ranges::sort(b);
  return a == b;
}

// Works on the wanted change and fills the record.
class Builder {
 public:
  explicit Builder(PartitionChange change) : change_(std::move(change)), elr_(change_.partition.elr) {
    record_.topic_id = change_.topic_id;
    record_.partition_id = change_.partition_index;
  }

  std::optional<kafka::PartitionChangeRecord> build() {
    complete_reassignment();
    populate_elr();
    elect();
    const bool has_lost_replica = !contains_all(change_.replicas, partition().replicas);
    if (!is_leader_set() && has_lost_replica) record_.leader = partition().leader;
    set_in_sync();
    set_last_known_leader();
    set_assignment();
    if (!is_unclean_ && change_.recovery_state != partition().leader_recovery_state) {
      record_.leader_recovery_state = change_.recovery_state;
    }
    if (is_no_op()) return std::nullopt;
    return std::move(record_);
  }

 private:
  static constexpr std::int32_t kNoLeaderChange = -2;

  const Partition& partition() const { return change_.partition; }
  bool is_leader_set() const { return record_.leader != kNoLeaderChange; }
  std::size_t min_isr() const {
    return std::min(static_cast<std::size_t>(change_.min_isr), change_.replicas.size());
  }

  // Done when every replica that stays is in sync.
  void complete_reassignment() {
    if (change_.removing.empty() && change_.adding.empty()) return;
    const Ids isr = without(change_.isr, change_.removing);
    const Ids replicas = without(change_.replicas, change_.removing);
    if (isr.empty() || replicas.empty() || !contains_all(isr, replicas)) return;
    change_.isr = isr;
    change_.replicas = replicas;
    change_.removing.clear();
    change_.adding.clear();
  }

  // While fewer than min.insync.replicas are in sync nothing is committed, so whoever leaves the ISR still
  // has all that is.
  void populate_elr() {
    if (!change_.is_elr_enabled) return;
    std::set<std::int32_t> eligible;
    if (change_.isr.size() < min_isr()) {
      eligible.insert(partition().elr.begin(), partition().elr.end());
      eligible.insert(partition().isr.begin(), partition().isr.end());
    }
    elr_.clear();
    for (const std::int32_t id : eligible) {
      if (!contains(change_.isr, id) && contains(change_.replicas, id) && id != change_.lossy_broker) {
        elr_.push_back(id);
      }
    }
  }

  bool is_clean_candidate(std::int32_t id) const {
    const bool has_everything = contains(change_.isr, id) || (change_.isr.empty() && contains(elr_, id));
    return has_everything && change_.may_lead(id);
  }

  // The one that led last, when no ISR and no ELR is left to choose from.
  std::optional<std::int32_t> last_known_leader() const {
    const Ids& known = partition().last_known_elr;
    if (!change_.is_elr_enabled || !elr_.empty() || !change_.isr.empty() || known.size() != 1) return {};
    if (!contains(change_.replicas, known.front()) || !change_.may_lead(known.front())) return {};
    if (has_moved(known.front())) return {};
    return known.front();
  }

  // To another directory than the one that was known: what it had is not there.
  bool has_moved(std::int32_t id) const {
    const auto changed = change_.directories.find(id);
    const base::Uuid before = partition().directory_of(kafka::NodeId(id));
    return changed != change_.directories.end() && changed->second != before && before != kUnassigned &&
           before != kMigrating;
  }

  std::int32_t choose_leader() {
    const Ids& replicas = change_.replicas;
    const bool wants_preferred = change_.election == Election::kPreferred;
    if (wants_preferred && is_clean_candidate(replicas.front())) return replicas.front();
    if (is_clean_candidate(partition().leader)) return partition().leader;
    const auto clean = std::ranges::find_if(replicas, [&](auto id) { return is_clean_candidate(id); });
    if (clean != replicas.end()) return *clean;
    if (const auto known = last_known_leader()) {
      is_unclean_ = true;
      return *known;
    }
    if (change_.election == Election::kUnclean) {
      const auto any = std::ranges::find_if(replicas, change_.may_lead);
      if (any != replicas.end()) {
        is_unclean_ = true;
        return *any;
      }
    }
    return kNoLeader;
  }

  void elect() {
    const std::int32_t leader = choose_leader();
    if (leader == partition().leader && !is_unclean_) return;
    record_.leader = leader;
    if (is_unclean_) {
      change_.isr = {leader};
      elr_.clear();
      if (partition().leader_recovery_state != kRecovering) record_.leader_recovery_state = kRecovering;
    } else if (contains(elr_, leader)) {
      change_.isr = {leader};
      std::erase(elr_, leader);
    }
  }

  void set_in_sync() {
    if (!change_.is_elr_enabled || change_.isr.size() >= min_isr()) elr_.clear();
    if (!is_same_set(elr_, partition().elr)) record_.eligible_leader_replicas = elr_;
    // Without the ELR the last of the ISR stays in it: only it has every committed record.
    const bool may_set = !change_.isr.empty() || change_.is_elr_enabled;
    if (may_set && change_.isr != partition().isr) record_.isr = change_.isr;
  }

  void set_last_known_leader() {
    const Ids& known = partition().last_known_elr;
    if (!change_.is_elr_enabled) {
      if (!known.empty()) record_.last_known_elr = Ids{};
    } else if (record_.leader == kNoLeader && known.empty() && partition().leader != kNoLeader) {
      record_.last_known_elr = Ids{partition().leader};
    } else if (record_.leader >= 0 && !known.empty()) {
      record_.last_known_elr = Ids{};
    } else if (known.size() == 1 && has_moved(known.front())) {
      record_.last_known_elr = Ids{};
    }
  }

  void set_assignment() {
    std::vector<base::Uuid> directories;
    for (const std::int32_t id : change_.replicas) {
      const auto changed = change_.directories.find(id);
      directories.push_back(changed == change_.directories.end() ? partition().directory_of(kafka::NodeId(id))
                                                                 : changed->second);
    }
    if (directories != partition().directories) record_.directories = std::move(directories);
    if (change_.replicas != partition().replicas) record_.replicas = change_.replicas;
    if (change_.removing != partition().removing_replicas) record_.removing_replicas = change_.removing;
    if (change_.adding != partition().adding_replicas) record_.adding_replicas = change_.adding;
  }

  bool is_no_op() const {
    return !record_.isr && !record_.eligible_leader_replicas && !record_.last_known_elr && !is_leader_set() &&
           !record_.replicas && !record_.removing_replicas && !record_.adding_replicas &&
           !record_.directories && record_.leader_recovery_state < 0;
  }

  PartitionChange change_;
  Ids elr_;
  bool is_unclean_ = false;
  kafka::PartitionChangeRecord record_;
};

}  // namespace

PartitionChange::PartitionChange(const base::Uuid& topic, std::int32_t index, const Partition& from)
    : topic_id(topic),
      partition_index(index),
      partition(from),
      isr(from.isr),
      replicas(from.replicas),
      removing(from.removing_replicas),
      adding(from.adding_replicas),
      recovery_state(from.leader_recovery_state) {}

std::optional<kafka::PartitionChangeRecord> build_change(PartitionChange change) {
  return Builder(std::move(change)).build();
}

}  // namespace penstock::metadata
