#include "operator/reconcile/quorum.h"

#include <algorithm>

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

}  // namespace

bool are_voters(const QuorumState& quorum, const std::set<std::int32_t>& nodes) {
  return std::all_of(nodes.begin(), nodes.end(),
                     [&](std::int32_t id) { return find(quorum.voters, id) != nullptr; });
}

VoterStep next_voter_step(const QuorumState& quorum, const std::set<std::int32_t>& staying,
                          const std::set<std::int32_t>& leaving, const std::set<std::int32_t>& running) {
  if (std::string reason = why_not_ready(quorum, staying); !reason.empty()) return {{}, std::move(reason)};
  const QuorumReplica* next = nullptr;
  for (const QuorumReplica& voter : quorum.voters) {
    if (!leaving.contains(voter.id)) continue;
    const auto rank = [&quorum](const QuorumReplica& one) {
      return std::pair(one.id != quorum.leader, one.id);
    };
    if (next == nullptr || rank(*next) < rank(voter)) next = &voter;
  }
  if (next != nullptr) return {*next, {}};
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
