#include "operator/reconcile/quorum.h"

#include <algorithm>
#include <tuple>

namespace penstock::reconcile {
namespace {

const QuorumReplica* find(const std::vector<QuorumReplica>& replicas, std::int32_t id) {
  const auto found = std::find_if(replicas.begin(), replicas.end(),
                                  [id](const QuorumReplica& replica) { return replica.id == id; });
  return found == replicas.end() ? nullptr : &*found;
}

std::string name_of(std::int32_t id) { return "node " + std::to_string(id); }

std::string why_not_ready(const QuorumState& quorum, const std::set<std::int32_t>& staying) {
  if (quorum.leader < 0) return "the metadata quorum has no leader";
  for (const std::int32_t id : staying) {
    const QuorumReplica* voter = find(quorum.voters, id);
    if (voter == nullptr) return name_of(id) + " is no voter of the metadata quorum yet";
    if (voter->end_offset < quorum.high_watermark)
      return name_of(id) + " is behind in the metadata log, and no voter leaves before it has caught up";
  }
  return {};
}

// The next of `leaving` to go: who does not take part first, since a quorum that still counts it is one death
// away from deciding nothing; the leader last.
const QuorumReplica* find_next(const QuorumState& quorum, const std::set<std::int32_t>& leaving,
                               const std::set<std::int32_t>& running) {
  const auto rank = [&](const QuorumReplica& one) {
    const bool takes_part = running.contains(one.id) && one.end_offset >= quorum.high_watermark;
    return std::tuple(!takes_part, one.id != quorum.leader, one.id);
  };
  const QuorumReplica* next = nullptr;
  for (const QuorumReplica& voter : quorum.voters) {
    if (!leaving.contains(voter.id)) continue;
    if (next == nullptr || rank(*next) < rank(voter)) next = &voter;
  }
  return next;
}

// The change itself is committed by a majority of those that remain.
bool has_majority_without(const QuorumState& quorum, const QuorumReplica& leaver) {
  std::size_t caught_up = 0;
  for (const QuorumReplica& voter : quorum.voters) {
    caught_up += voter.id != leaver.id && voter.end_offset >= quorum.high_watermark;
  }
  return caught_up * 2 > quorum.voters.size() - 1;
}

}  // namespace

bool are_voters(const QuorumState& quorum, const std::set<std::int32_t>& nodes) {
  return std::all_of(nodes.begin(), nodes.end(),
                     [&](std::int32_t id) { return find(quorum.voters, id) != nullptr; });
}

VoterStep next_voter_step(const QuorumState& quorum, const std::set<std::int32_t>& staying,
                          const std::set<std::int32_t>& leaving, const std::set<std::int32_t>& running) {
  if (std::string reason = why_not_ready(quorum, staying); !reason.empty()) return {{}, std::move(reason)};
  if (const QuorumReplica* next = find_next(quorum, leaving, running)) {
    if (has_majority_without(quorum, *next)) return {*next, {}};
    return {{}, "without " + name_of(next->id) + " no majority of the metadata quorum would be caught up"};
  }
  const QuorumReplica* leader = find(quorum.voters, quorum.leader);
  if (leader == nullptr) return {{}, "the metadata quorum changes its leader"};
  for (const std::int32_t id : leaving) {
    const QuorumReplica* replica = find(quorum.observers, id);
    if (!running.contains(id) || (replica != nullptr && replica->end_offset >= leader->end_offset)) continue;
    return {{}, name_of(id) + " does not know yet that it has left the metadata quorum"};
  }
  return {};
}

}  // namespace penstock::reconcile
