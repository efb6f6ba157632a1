// Who the voters were at each offset of the metadata log: what its control records say, kept as the log grows
// and is cut.
//
// Threads: the control reactor.
// Source: KIP-853 (the newest VotersRecord counts, committed or not).
#pragma once

#include <vector>

#include "base/error.h"
#include "broker/raft/types.h"
#include "broker/raft/voters.h"

namespace penstock::raft {

class QuorumHistory {
 public:
  // What the snapshot says that the log continues. `is_in_log` is false for the bootstrap snapshot, whose
  // voters the first leader writes into the log.
  QuorumHistory(QuorumRecords base, bool is_in_log) : base_(std::move(base)), is_base_in_log_(is_in_log) {}

  // Whole batches, in the order of the log. ERRORS: kCorrupt, kUnsupported (a kraft.version above ours).
  base::Result<> absorb(base::ByteSpan batches);
  // Drops what stands at `end` or behind it.
  void truncate_to(Offset end);
  // The log begins at a snapshot of `offset` now: what was before it is folded.
  void fold_until(Offset offset);

  const VoterSet& voters() const { return steps_.empty() ? base_voters() : steps_.back().voters; }
  std::int16_t kraft_version() const {
    return steps_.empty() ? base_.kraft_version : steps_.back().kraft_version;
  }
  // As of the records below `end`.
  QuorumRecords at(Offset end) const;
  // Whether a record of the log, or of a snapshot of it, has the voters.
  bool has_voters_in_log() const { return !steps_.empty() || is_base_in_log_; }
  // The batch with the newest voters; kNoOffset when only the base has them.
  Offset last_change() const { return steps_.empty() ? kafka::kNoOffset : steps_.back().offset; }

 private:
  struct Step {
    Offset offset{};  // Of the batch.
    std::int16_t kraft_version = 0;
    VoterSet voters{};
  };
  const VoterSet& base_voters() const;

  QuorumRecords base_;
  bool is_base_in_log_;
  std::vector<Step> steps_;  // A handful: voters change by hand.
};

}  // namespace penstock::raft
