// Who votes on a cluster's metadata, and which voter leaves next.
//
// Threads: values and pure functions. Source: KIP-853, KIP-836.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace penstock::reconcile {

struct QuorumReplica {
  std::int32_t id = -1;
  std::string directory;  // With its node's id that is who votes: another disk is another voter.
  std::int64_t end_offset = -1;
};

// As its leader sees it.
struct QuorumState {
  std::int32_t leader = -1;
  std::int64_t high_watermark = -1;
  std::vector<QuorumReplica> voters;
  std::vector<QuorumReplica> observers;
};

struct VoterStep {
  std::optional<QuorumReplica> remove{};
  std::string waits_for{};

  bool is_done() const { return !remove && waits_for.empty(); }
};

// Whether each of these nodes votes.
bool are_voters(const QuorumState& quorum, const std::set<std::int32_t>& nodes);

// One voter at a time, each when those that stay have all that is committed, and a majority of those that are
// left then: first who does not run or is behind, the leader last, so that it changes once. Done when none of
// `leaving` votes, and those of them that are running know it: a node that comes back later with a log in
// which it still has its vote could find a majority of its like.
VoterStep next_voter_step(const QuorumState& quorum, const std::set<std::int32_t>& staying,
                          const std::set<std::int32_t>& leaving, const std::set<std::int32_t>& running);

}  // namespace penstock::reconcile
